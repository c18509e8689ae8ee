/*
 * Values of a fixed width as Postgres sends an array of them (`array_send`): big-endian, each behind its length.
 */

const HEADER = 20;
const NULL = -1;
/** No length that Postgres writes. */
const MISFIT = -2;

/** Writes an array of `count` values, `width` bytes each, of the type that has this OID. */
export function sentArray(oid: number, width: number, count: number) {
  const bytes = new Uint8Array(HEADER + count * (4 + width));
  const view = new DataView(bytes.buffer);
  let end = HEADER;
  let nulls = 0;
  return {
    view,
    /** Makes room for a value; gives where its bytes go. */
    room(): number {
      view.setInt32(end, width);
      end += 4 + width;
      return end - width;
    },
    null(): void {
      view.setInt32(end, NULL);
      end += 4;
      nulls = 1;
    },
    /** What cannot be in Postgres. */
    misfit(): void {
      view.setInt32(end, MISFIT);
      end += 4;
    },
    /** The bytes; an aggregate over no rows gives none. */
    bytes(): Uint8Array<ArrayBuffer> {
      if (count === 0) return bytes.subarray(0, 0);
      for (const [index, field] of [1, nulls, oid, count, 1].entries()) view.setInt32(index * 4, field);
      return bytes.subarray(0, end);
    },
  };
}

const FLOAT8 = 701;

/** REALs with all of their bits. */
export function realsSent(values: readonly unknown[]): Uint8Array<ArrayBuffer> {
  const array = sentArray(FLOAT8, 8, values.length);
  for (const value of values) {
    if (typeof value === 'number') array.view.setFloat64(array.room(), value);
    else if (value === null) array.null();
    else array.misfit();
  }
  return array.bytes();
}
