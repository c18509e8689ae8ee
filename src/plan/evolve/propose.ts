/*
 * What would make room for values that did not fit: said in the alarm, so that whoever is woken up knows what to type.
 */
import type { ColumnPlan } from '../plan.ts';

/** The first letters of tagged values (change/value.ts) that a codec takes, in the order in which `plan --widen` prefers them. */
const TAKES: readonly (readonly [string, string])[] = [
  ['integer', 'i'],
  ['number', 'ir'],
  ['real', 'r'],
  ['text', 't'],
  ['blob', 'b'],
  ['tagged', 'irtxb'],
];

/** Letters that the column's present codec brings from SQLite. */
function held(codec: string, affinity: string): string {
  if (/^json/.test(codec) && affinity === 'numeric') return 'irt';
  const plain = TAKES.find(([name]) => name === codec)?.[1];
  if (plain !== undefined) return plain;
  if (codec === 'boolean' || codec === 'date(julian day)' || codec.includes(' since ')) return 'i';
  if (codec === 'decimal' || codec.includes('julian')) return 'ir';
  return codec === 'uuid(blob)' ? 'b' : 't';
}

/**
 * The codec that `attacca plan --widen` would choose for the column; undefined where a wider type would not help. `tags`: the
 * tagged values that did not fit, or their beginnings.
 */
export function propose({ codec, affinity }: Pick<ColumnPlan, 'codec' | 'affinity'>, tags: readonly string[]): string | undefined {
  if (tags.length === 0 || tags.some(tag => !/^[irtxb]:/.test(tag))) return undefined;
  const letters = new Set([...held(codec, affinity), ...tags.map(tag => tag.charAt(0))]);
  const untold = (name: string): boolean => name === 'number' && affinity !== 'integer' && affinity !== 'numeric';
  const [wider] = TAKES.find(([name, takes]) => !untold(name) && [...letters].every(letter => takes.includes(letter))) ?? [];
  return wider === codec ? undefined : wider;
}
