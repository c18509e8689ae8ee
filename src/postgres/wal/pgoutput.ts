/*
 * Reads the messages of Postgres's `pgoutput`, protocol version 1.
 *
 * (1) Values stay the text that Postgres wrote. The driver's type parsers cut microseconds and round numbers, so they see nothing [G4].
 * (2) Anything that is not understood to the last byte is an error, never skipped [G7].
 */
import type { Lsn, PgText } from '../../change/change.ts';
import { ReplicationError } from '../../change/errors.ts';

/** One row in the relation's column order; undefined is a TOASTed value that did not change and was not sent. */
export type Tuple = readonly (PgText | undefined)[];

export type Relation = {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly RelationColumn[];
};

/** `identity`: part of the replica identity, so present in what deletes and key changes send. `type` is an oid of pg_type. */
export type RelationColumn = { readonly name: string; readonly type: number; readonly identity: boolean };

export type Message =
  /** `commit`: where the commit record begins. */
  | { readonly kind: 'begin'; readonly commit: Lsn }
  | { readonly kind: 'commit' }
  | { readonly kind: 'relation'; readonly relation: Relation }
  | { readonly kind: 'insert'; readonly oid: number; readonly row: Tuple }
  | { readonly kind: 'update'; readonly oid: number; readonly old: Tuple | undefined; readonly row: Tuple }
  | { readonly kind: 'delete'; readonly oid: number; readonly old: Tuple }
  | { readonly kind: 'truncate'; readonly oids: readonly number[] }
  /** Says something that we need not know (a type's name, an origin). */
  | { readonly kind: 'other' };

/** Decodes one message. Throws ReplicationError('halt') on anything it does not know, RangeError on a message cut short. */
export function decode(buffer: Buffer): Message {
  const reader = new Reader(buffer);
  const kind = reader.letter();
  switch (kind) {
    case 'B':
      return { kind: 'begin', commit: reader.lsn() };
    case 'C':
      return { kind: 'commit' };
    case 'R':
      return { kind: 'relation', relation: relation(reader) };
    case 'I':
      return { kind: 'insert', oid: reader.uint32(), row: tuple(reader, 'N') };
    case 'U':
      return update(reader);
    case 'D':
      return { kind: 'delete', oid: reader.uint32(), old: tuple(reader, 'K', 'O') };
    case 'T':
      return truncate(reader);
    case 'Y':
    case 'O':
      return { kind: 'other' };
    default:
      throw unknown(`message '${kind}'`);
  }
}

function relation(reader: Reader): Relation {
  const [oid, schema, name] = [reader.uint32(), reader.text(), reader.text()];
  reader.skip(1); // the replica identity: every column says whether it is part of it
  const columns = Array.from({ length: reader.uint16() }, () => {
    const identity = (reader.uint8() & 1) === 1;
    const column = { name: reader.text(), type: reader.uint32(), identity };
    reader.skip(4); // type modifier
    return column;
  });
  return { oid, schema: schema === '' ? 'pg_catalog' : schema, name, columns };
}

function update(reader: Reader): Message {
  const oid = reader.uint32();
  const old = reader.peek() === 'N' ? undefined : tuple(reader, 'K', 'O');
  return { kind: 'update', oid, old, row: tuple(reader, 'N') };
}

function truncate(reader: Reader): Message {
  const length = reader.uint32();
  reader.skip(1); // cascade, restart identity: what they did is in the list and in the sequences
  return { kind: 'truncate', oids: Array.from({ length }, () => reader.uint32()) };
}

function tuple(reader: Reader, ...kinds: readonly string[]): Tuple {
  const kind = reader.letter();
  if (!kinds.includes(kind)) throw unknown(`tuple '${kind}'`);
  return Array.from({ length: reader.uint16() }, () => value(reader));
}

function value(reader: Reader): PgText | undefined {
  const kind = reader.letter();
  if (kind === 't') return reader.bytes(reader.uint32());
  if (kind === 'n') return null;
  if (kind === 'u') return undefined;
  throw unknown(`value '${kind}'`);
}

const unknown = (what: string): ReplicationError =>
  new ReplicationError('halt', `Postgres sent a ${what} that attacca does not know`, {
    hint: 'report this as a bug, with the version of Postgres',
  });

/** A place in a message. A class, because every read moves it. */
class Reader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  skip(length: number): number {
    const at = this.#at;
    this.#at += length;
    return at;
  }

  uint8(): number {
    return this.#buffer.readUInt8(this.skip(1));
  }

  uint16(): number {
    return this.#buffer.readUInt16BE(this.skip(2));
  }

  uint32(): number {
    return this.#buffer.readUInt32BE(this.skip(4));
  }

  lsn(): Lsn {
    return this.#buffer.readBigUInt64BE(this.skip(8)) as Lsn;
  }

  letter(): string {
    return String.fromCharCode(this.uint8());
  }

  peek(): string {
    return String.fromCharCode(this.#buffer.readUInt8(this.#at));
  }

  bytes(length: number): string {
    const at = this.skip(length);
    if (this.#at > this.#buffer.length) throw new RangeError('a message of Postgres is cut short');
    return this.#buffer.toString('utf8', at, at + length);
  }

  /** Text that ends with a NUL. */
  text(): string {
    const end = this.#buffer.indexOf(0, this.#at);
    if (end < 0) throw new RangeError('a message of Postgres is cut short');
    const text = this.bytes(end - this.#at);
    this.skip(1);
    return text;
  }
}
