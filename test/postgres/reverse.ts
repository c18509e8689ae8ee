/*
 * A database with a publication and a slot, and a reader that takes one transaction at a time.
 */
import type { Lsn, RowChange } from '../../src/change/change.ts';
import { parseLsn } from '../../src/change/lsn.ts';
import type { Source } from '../../src/change/ports.ts';
import type { ColumnPlan, Plan } from '../../src/plan/plan.ts';
import { connect, type Session } from '../../src/postgres/session/open.ts';
import { createPublication, createSlot } from '../../src/postgres/wal/slot.ts';
import type { WalOptions } from '../../src/postgres/wal/wal.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';

const column = (name: string, type: ColumnPlan['type'], codec: ColumnPlan['codec']): ColumnPlan => ({
  name,
  target: name,
  type,
  codec,
  affinity: 'blob',
  notNull: false,
  default: null,
  reason: 'test',
});

/** The plan's order differs from the table's on purpose. things: key id. pairs: key (b, a). */
export const PLAN: Plan = {
  version: 1,
  schema: 'public',
  encoding: 'UTF-8',
  tables: [
    {
      id: 1,
      name: 'things',
      target: 'Things',
      withoutRowid: false,
      rowid: 'rowid',
      key: { kind: 'rowid', columns: [1] },
      identity: 1,
      autoincrement: false,
      columns: [
        column('name', 'text', 'text'),
        column('id', 'bigint', 'integer'),
        column('real', 'double precision', 'real'),
        column('blob', 'bytea', 'blob'),
        column('ok', 'boolean', 'boolean'),
      ],
      indexes: [],
      foreignKeys: [],
    },
    {
      id: 2,
      name: 'pairs',
      target: 'pairs',
      withoutRowid: true,
      rowid: null,
      key: { kind: 'declared', columns: [1, 0] },
      identity: null,
      autoincrement: false,
      columns: [column('a', 'text', 'text'), column('b', 'bigint', 'integer')],
      indexes: [],
      foreignKeys: [],
    },
  ],
};

const TABLES = /* sql */ `
  create schema attacca;
  create table attacca.watermark (token text primary key, at timestamptz not null default now());
  create table "Things" (id bigint primary key, name text, real double precision, blob bytea, ok boolean);
  create table pairs (a text, b bigint, primary key (a, b));
  create table unpublished (x text)`;

export type Reverse = AsyncDisposable & {
  readonly pg: TestPostgres;
  readonly session: Session;
  readonly options: WalOptions;
};

/** The publication's name needs quoting: the library would not. */
export async function reverse(prepare = ''): Promise<Reverse> {
  const pg = await testPostgres();
  const session = await connect(pg.url, { applicationName: 'attacca test' });
  const slot = new URL(pg.url).pathname.slice(1);
  const options = { url: pg.url, plan: PLAN, slot, publication: `Attacca's "publication"`, together: 1 };
  await pg.query(TABLES);
  if (prepare !== '') await pg.query(prepare);
  await createPublication(session, PLAN, options.publication);
  await createSlot(session, slot);
  return {
    pg,
    session,
    options,
    async [Symbol.asyncDispose]() {
      await session.end();
      await pg[Symbol.asyncDispose]();
    },
  };
}

export type Transaction = { readonly position: Lsn; readonly changes: RowChange[] };

export type Reader = AsyncDisposable & {
  /** The next transaction, whole. Acknowledges nothing. One without changes, as Postgres sends them up to 14, only if asked for. */
  next(empty?: 'empty too'): Promise<Transaction>;
};

export function reader(source: Source<Lsn, AsyncIterable<RowChange>>, after: Lsn = 0n as Lsn): Reader {
  const controller = new AbortController();
  const batches = source.read(after, controller.signal)[Symbol.asyncIterator]();
  return {
    async next(empty) {
      for (;;) {
        const { value, done } = await batches.next();
        if (done) throw new Error('the stream has ended');
        const changes: RowChange[] = [];
        for await (const change of value.changes) changes.push(change);
        if (changes.length > 0 || empty !== undefined) return { position: value.position, changes };
      }
    },
    async [Symbol.asyncDispose]() {
      controller.abort();
      await batches.return?.();
    },
  };
}

export const thing = (id: number, name: string | null): RowChange => ({
  op: 'insert',
  table: 1,
  row: [name, String(id), null, null, null],
});

/** The place right behind everything that has been written. */
export async function currentLsn(session: Session): Promise<Lsn> {
  const { rows } = await session.query('select pg_current_wal_insert_lsn() as lsn');
  return parseLsn(rows[0]?.lsn ?? '');
}
