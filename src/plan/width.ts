import { typeOf } from './codecs/registry.ts';
import type { CodecName } from './plan.ts';
import type { ColumnStats, SourceSchema } from './schema.ts';

/** Longest value of each column as Postgres holds it, in bytes, by column name. */
export type Widths = ReadonlyMap<string, number>;

/** A B-tree entry of Postgres ends at 2704 bytes, its own header included. */
const MOST_BYTES = 2_600;
/** An index of Postgres ends here, a primary key's too. */
export const MOST_COLUMNS = 32;
/** On its way a row is one string, BLOBs in hex, and a string of JS ends at 512 MB. */
export const LARGEST_ROW = 250_000_000;
const FIXED = 16;
const AS_LONG_AS_WRITTEN: ReadonlySet<string> = new Set(['text', 'bytea', 'numeric', 'json', 'jsonb']);

/** Upper bound of what a column's values take: UTF-16 text can grow by half, tagged bytes double as hex. */
export function widthOf(codec: CodecName, { blobs, unclean, maxBytes }: ColumnStats, encoding: SourceSchema['encoding']): number {
  if (!AS_LONG_AS_WRITTEN.has(typeOf(codec))) return FIXED;
  const text = encoding === 'UTF-8' ? maxBytes : Math.ceil(maxBytes * 1.5);
  if (codec !== 'tagged') return codec === 'blob' ? maxBytes : text;
  return 2 + Math.max(22, blobs + unclean > 0 ? 2 * text : text);
}

/** Whether an index over these columns would meet a value it cannot hold. */
export const tooWide = (columns: readonly string[], widths: Widths): boolean =>
  columns.reduce((sum, column) => sum + (widths.get(column) ?? FIXED), 0) > MOST_BYTES;
