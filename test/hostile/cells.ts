/*
 * What is in a table, on either side, in one neutral form that neither the triggers nor the replay know.
 *
 * A cell is `n`, `i:<decimal>`, `r:<64 bits in hex>`, `t:<UTF-8 bytes in hex>` or `b:<bytes in hex>`. SQLite is asked with typeof
 * and hex; what the target holds is decoded here by the meaning of each codec, not by its code.
 */
import type { PgText } from '../../src/change/change.ts';
import { quote } from '../../src/change/quote.ts';
import type { ColumnPlan } from '../../src/plan/plan.ts';
import type { Database } from '../../src/sqlite/open.ts';
import { narrow } from './narrow.ts';

export type Cell = string;

const PLAIN: ReadonlySet<string> = new Set(['integer', 'real', 'number', 'text', 'blob', 'boolean', 'tagged']);

/** Whether the codec is understood here. */
export const isKnown = (codec: string): boolean => PLAIN.has(codec) || narrow(codec) !== undefined;

const bits = (value: number): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
};
const real = (hex: string): number => Buffer.from(hex, 'hex').readDoubleBE();
const hex = (text: string): string => Buffer.from(text).toString('hex');

/** Every row of a table, as cells. `columns` are names; `rowid` may be among them. */
export function cellsOf(db: Database, table: string, columns: readonly string[]): Cell[][] {
  const terms = columns
    .map(quote)
    .map(c => `typeof(${c}), case when typeof(${c}) in ('text', 'blob') then hex(cast(${c} as blob)) else ${c} end`);
  const rows = db
    .prepare(`select ${terms.join(', ')} from ${quote(table)}`)
    .raw()
    .all() as unknown[][];
  const utf16 =
    rows.length > 0 && db.pragma('encoding', { simple: true }) !== 'UTF-8' ? String(db.pragma('encoding', { simple: true })) : undefined;
  return rows.map(row => columns.map((_, index) => cell(String(row[2 * index]), row[2 * index + 1], utf16)));
}

function cell(type: string, value: unknown, utf16: string | undefined): Cell {
  if (type === 'null') return 'n';
  if (type === 'integer') return `i:${value}`;
  if (type === 'real') return `r:${bits(Number(value))}`;
  const bytes = String(value).toLowerCase();
  return type === 'text' ? `t:${utf16 === undefined ? bytes : recoded(bytes, utf16)}` : `b:${bytes}`;
}

/** Text of a UTF-16 file as UTF-8; what is no text stays as its bytes. */
function recoded(bytes: string, encoding: string): string {
  try {
    return hex(new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, 'hex')));
  } catch {
    return bytes;
  }
}

const isUtf8 = (bytes: string): boolean => {
  const buffer = Buffer.from(bytes, 'hex');
  return Buffer.from(buffer.toString()).equals(buffer);
};

type Column = Pick<ColumnPlan, 'codec' | 'affinity'>;

/** A column declared JSON: documents that are numbers are numbers in SQLite. */
const holdsNumbers = ({ codec, affinity }: Column): boolean => /^json/.test(codec) && affinity === 'numeric';

/** Whether Postgres can hold the cell in such a column; if not, its row belongs in quarantine. */
export function fits(column: Column, cell: Cell): boolean {
  const { codec } = column;
  const [type, value = ''] = [cell.slice(0, 1), cell.slice(2)];
  if (type === 'n' || codec === 'tagged') return true;
  if (codec === 'integer') return type === 'i';
  if (codec === 'boolean') return cell === 'i:0' || cell === 'i:1';
  if (codec === 'real') return type === 'r';
  if (codec === 'blob') return type === 'b';
  const isText = type === 't' && isUtf8(value) && !Buffer.from(value, 'hex').includes(0);
  if (codec === 'text') return isText;
  const meaning = narrow(codec);
  if (holdsNumbers(column) && (type === 'i' || type === 'r')) return type === 'i' || Number.isFinite(real(value));
  if (meaning !== undefined) return isText && meaning.fits(`${Buffer.from(value, 'hex')}`);
  return type === 'i' ? isExact(BigInt(value)) : type === 'r' && !isWhole(real(value));
}

const isExact = (value: bigint): boolean => BigInt(Number(value)) === value && value !== -(2n ** 63n);
const isWhole = (value: number): boolean => Number.isInteger(value) && value > -(2 ** 63) && value < 2 ** 63;

/** One cell for all that mean the same in such a column. */
export function formed({ codec }: Column, cell: Cell): Cell {
  const form = cell.startsWith('t:') ? narrow(codec)?.form : undefined;
  return form === undefined ? cell : `t:${hex(form(`${Buffer.from(cell.slice(2), 'hex')}`))}`;
}

/** The cell that a text in Postgres means. */
export function decoded(column: Column, text: PgText): Cell {
  const { codec } = column;
  if (text === null) return 'n';
  if (codec === 'integer') return `i:${text}`;
  if (codec === 'boolean') return `i:${text === 't' ? 1 : 0}`;
  if (codec === 'real') return `r:${bits(Number(text))}`;
  if (codec === 'blob') return `b:${text.slice(2)}`;
  if (codec === 'text') return `t:${hex(text)}`;
  const meaning = narrow(codec);
  if (holdsNumbers(column) && /^-?\d/.test(text)) return isInteger(text) ? `i:${BigInt(text)}` : numeric(Number(text));
  if (meaning !== undefined) return formed(column, `t:${hex(meaning.decode(text))}`);
  if (codec === 'number') return numeric(Number(text));
  const [type, value] = [text.slice(0, 2), text.slice(2)];
  if (type === 'r:') return `r:${bits(Number(value))}`;
  if (type === 't:') return `t:${hex(value)}`;
  return type === 'x:' ? `t:${value}` : text;
}

/** What a column of numeric affinity keeps of a number. */
const numeric = (value: number): Cell => (isWhole(value) ? `i:${BigInt(value)}` : `r:${bits(value)}`);
const isInteger = (text: string): boolean => /^-?\d+$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);

/** The name of a row in quarantine. */
export const nameOf = (key: readonly Cell[]): string => JSON.stringify(key.map(named));

function named(cell: Cell): string | null {
  const [type, value] = [cell.slice(0, 1), cell.slice(2)];
  if (type === 'n') return null;
  if (type === 'r') return `r:${Object.is(real(value), -0) ? '-0' : real(value)}`;
  if (type !== 't') return cell;
  return isUtf8(value) && !Buffer.from(value, 'hex').includes(0) ? `t:${Buffer.from(value, 'hex')}` : `x:${value}`;
}
