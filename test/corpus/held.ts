/*
 * A reader of Postgres that shares no code with attacca: from the text of each value, its column's type, and the form that the
 * plan writes beside the type, to the storage class and the bytes that SQLite must have.
 */
import type { Client } from 'pg';
import { type Cell, quoted, real } from './stored.ts';

/** What is read of the plan that is in force: data, as a person would read it in the plan file. */
export type PlannedColumn = {
  readonly name: string;
  readonly target: string;
  readonly type: string;
  readonly codec: string;
  readonly affinity: string;
};
export type PlannedTable = { readonly name: string; readonly target: string; readonly columns: readonly PlannedColumn[] };
export type Planned = { readonly schema: string; readonly tables: readonly PlannedTable[] };

const PLAN = /* sql */ `select plan from attacca.control`;

export async function planInForce(client: Client): Promise<Planned> {
  const { rows } = await client.query(PLAN);
  return JSON.parse(String(rows[0].plan));
}

/** Every row of the table, each cell in the form of stored.ts. `client` reads values as text, its time zone is UTC. */
export async function heldRows(client: Client, schema: string, { target, columns }: PlannedTable): Promise<Cell[][]> {
  const shown = columns.map(column => `${quoted(column.target)}::text`).join(', ');
  const { rows } = await client.query({ text: `select ${shown} from ${quoted(schema)}.${quoted(target)}`, rowMode: 'array' });
  return (rows as (string | null)[][]).map(row => columns.map((column, index) => cellOf(row[index] ?? null, column)));
}

/** `t:` cells of documents in Postgres's spelling: equal where the JSON values are. */
export async function sameSpelling(client: Client, cells: readonly Cell[]): Promise<Cell[]> {
  const texts = cells.map(cell => (cell.startsWith('t:') ? Buffer.from(cell.slice(2), 'hex').toString() : null));
  const { rows } = await client.query(`select v::jsonb::text as v from unnest($1::text[]) with ordinality as x (v, n) order by n`, [texts]);
  return cells.map((cell, index) => (cell.startsWith('t:') ? text(String(rows[index].v)) : cell));
}

const text = (value: string): Cell => `t:${Buffer.from(value).toString('hex')}`;

function cellOf(value: string | null, { codec, affinity }: PlannedColumn): Cell {
  if (value === null) return 'n';
  const [, name = '', form = ''] = /^([a-z]+)(?:\((.*)\))?$/.exec(codec) ?? [];
  switch (name) {
    case 'integer':
      return `i:${value}`;
    case 'real':
      return real(Number(value));
    case 'number':
    case 'decimal':
      return number(value, affinity);
    case 'blob':
      return `b:${value.slice(2)}`;
    case 'tagged':
      return tagged(value);
    case 'boolean':
      return form === ''
        ? `i:${value === 't' || value === 'true' ? 1 : 0}`
        : text(form.split('/')[value === 't' || value === 'true' ? 0 : 1] ?? '');
    case 'uuid':
      return uuid(value, form);
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return inTime(value, form, affinity);
    default:
      return text(value);
  }
}

/** `FORM or VALUE`: the value stands for no point in time, and is -infinity. */
function inTime(value: string, form: string, affinity: string): Cell {
  const [, rest = form, never] = /^(.*) or (.*)$/.exec(form) ?? [];
  if (value === '-infinity' && never !== undefined)
    return never === '0' ? (affinity === 'real' ? real(0) : 'i:0') : text(never.slice(1, -1));
  if (rest.includes(' since ')) return epoch(value, rest, affinity);
  return rest === 'julian day' ? julian(value, affinity) : text(moment(value, rest));
}

/** A date is the whole number of the day that begins at its noon. */
function julian(value: string, affinity: string): Cell {
  const read = instant(value);
  if (read === undefined) return text(value);
  if (!value.includes(':')) return `i:${read.ms / 86_400_000 + 2_440_588}`;
  const day = (read.ms * 1_000 + Number(read.fraction.padEnd(6, '0'))) / 86_400_000_000 + 2_440_587.5;
  return Number.isInteger(day) && affinity !== 'real' ? `i:${day}` : real(day);
}

/** Columns that take numbers store a whole one as an integer, where it is one of 64 bits. */
function number(value: string, affinity: string): Cell {
  const whole = /^(-?\d+)(?:\.0+)?$/.exec(value)?.[1];
  if (whole !== undefined && affinity !== 'real' && BigInt.asIntN(64, BigInt(whole)) === BigInt(whole)) return `i:${BigInt(whole)}`;
  const parsed = Number(value);
  return Number.isInteger(parsed) && affinity !== 'real' && Math.abs(parsed) < 2 ** 63 ? `i:${BigInt(parsed)}` : real(parsed);
}

function tagged(value: string): Cell {
  const [kind, rest] = [value.slice(0, 2), value.slice(2)];
  if (kind === 'i:') return `i:${rest}`;
  if (kind === 'r:') return real(rest === 'inf' ? Number.POSITIVE_INFINITY : rest === '-inf' ? Number.NEGATIVE_INFINITY : Number(rest));
  if (kind === 't:') return text(rest);
  if (kind === 'x:') return `t:${rest}`;
  return `b:${rest}`;
}

function uuid(value: string, form: string): Cell {
  const bare = value.replaceAll('-', '');
  if (form === 'blob') return `b:${bare}`;
  const shown = form.toLowerCase() === 'hex' ? bare : value;
  return text(form === 'upper' || form === 'HEX' ? shown.toUpperCase() : shown);
}

const PRINTED = /^(\d{4,})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:\+00)?)?$/;

type Instant = { readonly ms: number; readonly fraction: string };

function instant(value: string): Instant | undefined {
  const parts = PRINTED.exec(value);
  if (parts === null) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(part => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, day);
  at.setUTCHours(hour, minute, second);
  return { ms: at.getTime(), fraction: parts[7] ?? '' };
}

function moment(value: string, form: string): string {
  const read = instant(value);
  if (read === undefined) return value;
  const [, sign, hours = '0', minutes = '0'] = /([+-])(\d\d):?(\d\d)?$/.exec(form.replace(/^YYYY-?MM-?DD/, '')) ?? [];
  const shift = sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  const local = new Date(read.ms + shift * 60_000);
  const two = (part: number): string => String(part).padStart(2, '0');
  const digits = /\.(f+)/.exec(form)?.[1]?.length ?? 0;
  const fraction = form.includes('[') && read.fraction === '' ? '' : read.fraction.padEnd(digits, '0'); // in brackets: none where it is zero
  const seconds = two(local.getUTCSeconds()) + (fraction === '' ? '' : `.${fraction}`);
  return form
    .replace(/\[?\.f+\]?/, '')
    .replace('YYYY', String(local.getUTCFullYear()).padStart(4, '0'))
    .replace('MM', two(local.getUTCMonth() + 1))
    .replace('DD', two(local.getUTCDate()))
    .replace('hh', two(local.getUTCHours()))
    .replace('mm', two(local.getUTCMinutes()))
    .replace('ss', seconds);
}

const MICROS: Readonly<Record<string, bigint>> = { s: 1_000_000n, ms: 1_000n, us: 1n };

function epoch(value: string, form: string, affinity: string): Cell {
  const read = instant(value);
  const [, unit = '', year = ''] = /^(\w+) since (\d+)$/.exec(form) ?? [];
  const size = MICROS[unit === 'ns' ? 'us' : unit];
  if (read === undefined || size === undefined) return text(value);
  const micros = BigInt(read.ms - Date.UTC(Number(year), 0, 1)) * 1_000n + BigInt(read.fraction.padEnd(6, '0'));
  if (unit === 'ns') return affinity === 'real' ? real(Number(micros * 1_000n)) : `i:${micros * 1_000n}`;
  return micros % size === 0n && affinity !== 'real' ? `i:${micros / size}` : real(Number(micros) / Number(size));
}
