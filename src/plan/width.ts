import { typeOf } from './codecs/registry.ts';
import type { CodecName, ColumnPlan } from './plan.ts';
import type { ColumnStats, SourceSchema, TableStats } from './schema.ts';

/** Longest value of each column as Postgres holds it, in bytes, by column name. */
export type Widths = ReadonlyMap<string, number>;

/** A B-tree entry of Postgres ends at 2704 bytes, its own header included. */
const MOST_BYTES = 2_600;
/** An index of Postgres ends here, a primary key's too. */
export const MOST_COLUMNS = 32;
/** On its way a row is one string, BLOBs in hex, and a string of JS ends at 512 MB. */
export const LARGEST_ROW = 250_000_000;
const FIXED = 16;
/** What a page of Postgres holds of one row. Values of more than INLINE bytes are stored elsewhere where that is needed, all others never. */
export const ROW_BYTES = 8_160;
const ROW_HEADER = 24;
const INLINE = 24;
const SHORT: ReadonlyMap<string, number> = new Map([
  ['boolean', 1],
  ['date', 4],
  ['uuid', 16],
  ['numeric', INLINE],
]);
const AS_LONG_AS_WRITTEN: ReadonlySet<string> = new Set(['text', 'bytea', 'numeric', 'json', 'jsonb']);

/** Upper bound of what a column's values take: UTF-16 text can grow by half, tagged bytes double as hex. */
export function widthOf(codec: CodecName, { blobs, unclean, maxBytes }: ColumnStats, encoding: SourceSchema['encoding']): number {
  if (!AS_LONG_AS_WRITTEN.has(typeOf(codec))) return FIXED;
  const text = encoding === 'UTF-8' ? maxBytes : Math.ceil(maxBytes * 1.5);
  if (codec !== 'tagged') return codec === 'blob' ? maxBytes : text;
  return 2 + Math.max(22, blobs + unclean > 0 ? 2 * text : text);
}

/** How many bytes a row with the longest stored value in each column takes on its page, paddings aside. */
export function rowBytes(columns: readonly ColumnPlan[], stats: TableStats, widths: Widths): number {
  const filled = new Map(stats.columns.map(({ name, nulls }) => [name, nulls < stats.rows]));
  const each = columns.filter(({ name }) => filled.get(name) === true).map(column => inlineBytes(column, widths));
  const nullable = stats.columns.some(({ nulls }) => nulls > 0);
  return ROW_HEADER + (nullable ? Math.ceil(columns.length / 8) : 0) + each.reduce((sum, bytes) => sum + bytes, 0);
}

const inlineBytes = ({ name, type }: ColumnPlan, widths: Widths): number =>
  SHORT.get(type) ?? (AS_LONG_AS_WRITTEN.has(type) ? Math.min(1 + (widths.get(name) ?? INLINE), INLINE) : 8);

/** Whether an index over these columns would meet a value it cannot hold. */
export const tooWide = (columns: readonly string[], widths: Widths): boolean =>
  columns.reduce((sum, column) => sum + (widths.get(column) ?? FIXED), 0) > MOST_BYTES;
