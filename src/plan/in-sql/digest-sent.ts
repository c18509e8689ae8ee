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

const BOOL = 16;
const INT4 = 23;
const [ZERO, NINE, COMMA, COLON, NULLED] = [0x30, 0x39, 0x2c, 0x3a, 0x6e];

/** Booleans, written as a byte each: 0, 1, or n for NULL. */
export function booleansSent(written: Uint8Array, rows: number): Uint8Array<ArrayBuffer> {
  const array = sentArray(BOOL, 1, rows);
  for (let row = 0; row < rows; row++) {
    const byte = written[row];
    if (byte === ZERO || byte === ZERO + 1) array.view.setUint8(array.room(), byte - ZERO);
    else if (byte === NULLED) array.null();
    else array.misfit();
  }
  return array.bytes();
}

/** BLOBs: the length of each, and then the bytes of all. Written before those: the lengths in decimal, none for NULL. */
export function blobsSent(written: Uint8Array, rows: number): Uint8Array<ArrayBuffer> {
  const array = sentArray(INT4, 4, rows);
  let at = 0;
  for (let row = 0; row < rows; row++, at++) {
    const start = at;
    let length = 0;
    for (let byte = written[at]; byte !== COMMA && byte !== COLON && byte !== undefined; byte = written[++at])
      length = byte >= ZERO && byte <= NINE ? length * 10 + byte - ZERO : Number.NaN;
    if (at === start) array.null();
    else if (Number.isNaN(length)) array.misfit();
    else array.view.setInt32(array.room(), length);
  }
  const [lengths, blobs] = [array.bytes(), written.subarray(at)];
  const bytes = new Uint8Array(lengths.length + blobs.length);
  bytes.set(lengths);
  bytes.set(blobs, lengths.length);
  return bytes;
}
