/*
 * Columns of narrow types (timestamps, UUIDs, booleans that are texts, exact numbers) as expressions see them: with the value that SQLite has.
 * Points in time before the year 1 have no text here and count as NULL.
 */
import { literal } from '../../change/quote.ts';
import { isoOf } from '../codecs/moment.ts';
import { partsOf } from '../codecs/registry.ts';
import { compat, type Scope } from './scope.ts';
import { type Typed, typed } from './typed.ts';

/** The value as SQLite has it, where a codec hides it; any other value, and what has no such form, as it is. */
export function asStored(value: Typed, scope: Scope): Typed {
  const { kind, sql, column, affinity, collation, collated } = value;
  if (kind !== 'opaque' || column === undefined) return value;
  const as = (kind: Typed['kind'], text: string): Typed => ({ ...typed(kind, text), affinity, collation, collated });
  const { codec } = column;
  const { name, argument } = partsOf(codec);
  if (name === 'uuid') return uuid(argument, sql, as) ?? value;
  if (name === 'boolean') {
    const [yes = '', no = ''] = argument.split('/');
    return as('text', `(case ${sql} when true then ${literal(yes)} when false then ${literal(no)} end)`);
  }
  if (name === 'numeric') return as('text', `(${sql})::text`);
  if (name === 'decimal') return as(affinity === 'real' ? 'real' : 'number', `(${sql})::double precision`);
  const count = epoch(argument, sql);
  if (count !== undefined && affinity !== 'real') return as('integer', count);
  const moment = momentText(codec, sql, scope);
  return moment === undefined ? value : as('text', moment);
}

function uuid(form: string, sql: string, as: (kind: Typed['kind'], text: string) => Typed): Typed | undefined {
  const text = `(${sql})::text`;
  const bare = `replace(${text}, '-', '')`;
  if (form === 'lower') return as('text', text);
  if (form === 'upper') return as('text', `upper(${text})`);
  if (form === 'hex') return as('text', bare);
  if (form === 'HEX') return as('text', `upper(${bare})`);
  return form === 'blob' ? as('blob', `decode(${bare}, 'hex')`) : undefined;
}

/** Units in a second, and the second of 1970 in which counting begins. */
const UNITS: Readonly<Record<string, string>> = { s: '', ms: ' * 1000', us: ' * 1000000' };
const ORIGINS: Readonly<Record<string, string>> = { '1970': '', '1601': ' + 11644473600', '2001': ' - 978307200', '1904': ' + 2082844800' };

function epoch(format: string, sql: string): string | undefined {
  const [, unit = '', year = ''] = /^(\w+) since (\d+)$/.exec(format) ?? [];
  const [times, from] = [UNITS[unit], ORIGINS[year]];
  if (times === undefined || from === undefined) return undefined;
  return `(round((extract(epoch from ${sql} at time zone 'UTC')::numeric${from})${times}))::bigint`;
}

function momentText(codec: string, sql: string, scope: Scope): string | undefined {
  const iso = isoOf(codec);
  if (iso === undefined) return undefined;
  const { type, between = '', digits, zone } = iso;
  const value = type === 'timestamptz' ? `${sql} at time zone 'UTC'` : type === 'date' ? `(${sql})::timestamp` : sql;
  const text = `${compat(scope, 'moment_text')}(${value}, ${literal(between)}, ${digits})`;
  return zone === '' ? text : `(${text} || ${literal(zone)})`;
}
