/*
 * SQLite's own functions for Postgres, in schema sqlite_compat: installed only where they are used, and left to the application for good.
 * Each is a file of triggers/postgres/compat, and each is compared with SQLite by a test.
 */
import { template } from '../../change/template.ts';

/** Every function, with those that its body calls. */
export const COMPAT = {
  cast_integer: [],
  cast_real: [],
  to_number: [],
  compare: [],
  real_text: [],
  round: [],
  fixed: [],
  substr: [],
  random: ['randomblob'],
  randomblob: [],
  moment_text: [],
  day_number: [],
  day_date: [],
  time_number: [],
  time_value: ['time_number', 'day_number'],
  time_shift: ['day_number', 'day_date'],
  strftime: ['day_number', 'day_date'],
  json_at: [],
  json_value: ['json_at', 'real_text'],
  json_type: ['json_at'],
  json_count: ['json_at'],
  json_valid: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type CompatName = keyof typeof COMPAT;

/** CREATE SCHEMA and CREATE FUNCTION for these functions; nothing for none. They can be run again. */
export function compatSql(uses: Iterable<string>): string[] {
  const used = new Set(uses);
  const names = (Object.keys(COMPAT) as CompatName[]).filter(name => used.has(name)).toSorted(inOrder);
  if (names.length === 0) return [];
  return [
    'create schema if not exists sqlite_compat',
    ...names.map(name => template(`postgres/compat/${name}.sql`, {}).trim().replace(/;$/, '')),
  ];
}

/** What a function needs comes before it: a function in plain SQL is checked when it is created. */
const inOrder = (a: CompatName, b: CompatName): number => depth(a) - depth(b) || a.localeCompare(b, 'en');

/** How many functions stand below it. */
const depth = (name: CompatName): number => Math.max(0, ...COMPAT[name].map(needed => depth(needed) + 1));
