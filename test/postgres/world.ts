/*
 * An installation in a fresh database, for tests of the forward side.
 */
import type { Batch, Mark, Misfit, PgKey, PgRow, Rows, Seq, Slice } from '../../src/change/change.ts';
import type { ColumnPlan, Plan, TablePlan } from '../../src/plan/plan.ts';
import { postgresSink, type SinkOptions } from '../../src/postgres/apply/apply.ts';
import { resetProgress } from '../../src/postgres/apply/chunk.ts';
import { buildKeys } from '../../src/postgres/installed/constraints.ts';
import { installPostgres } from '../../src/postgres/installed/install.ts';
import { connect, type Session, type Writer } from '../../src/postgres/session/open.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';

const column = (name: string, type: ColumnPlan['type'], codec: ColumnPlan['codec'], notNull = false): ColumnPlan => ({
  name,
  target: name,
  type,
  codec,
  affinity: codec === 'integer' || codec === 'boolean' ? 'integer' : codec === 'real' ? 'real' : codec === 'blob' ? 'blob' : 'text',
  notNull,
  default: null,
  reason: 'test',
});

const table = (id: number, name: string, rest: Pick<TablePlan, 'columns' | 'key'> & Partial<TablePlan>): TablePlan => ({
  id,
  name,
  target: name,
  withoutRowid: false,
  rowid: 'rowid',
  identity: null,
  autoincrement: false,
  indexes: [],
  foreignKeys: [],
  ...rest,
});

/** items (id, name not null, u unique, f, b, ok) · pairs (a, b, v) · log (hidden key, line) · notes (id, item → items). */
export const PLAN: Plan = {
  version: 1,
  schema: 'public',
  encoding: 'UTF-8',
  tables: [
    table(1, 'items', {
      key: { kind: 'rowid', columns: [0] },
      identity: 0,
      columns: [
        column('id', 'bigint', 'integer', true),
        column('name', 'text', 'text', true),
        column('u', 'text', 'text'),
        column('f', 'double precision', 'real'),
        column('b', 'bytea', 'blob'),
        column('ok', 'boolean', 'boolean'),
      ],
      indexes: [{ name: 'items_u', unique: true, terms: [{ column: 2, descending: false, fold: false }] }],
    }),
    table(2, 'pairs', {
      key: { kind: 'declared', columns: [1, 0] },
      columns: [column('a', 'text', 'text', true), column('b', 'bigint', 'integer', true), column('v', 'text', 'text')],
    }),
    table(3, 'log', {
      key: { kind: 'hidden', columns: [0] },
      identity: 0,
      columns: [{ ...column('rowid', 'bigint', 'integer', true), target: '_attacca_rowid' }, column('line', 'text', 'text')],
    }),
    table(4, 'notes', {
      key: { kind: 'rowid', columns: [0] },
      identity: 0,
      columns: [column('id', 'bigint', 'integer', true), column('item', 'bigint', 'integer')],
      foreignKeys: [
        {
          name: 'notes_item',
          columns: [1],
          parent: 1,
          parentColumns: [0],
          onDelete: 'CASCADE',
          onUpdate: 'NO ACTION',
          orphans: 0,
        },
      ],
    }),
  ],
};

export const INSTALL = 'a1b2c3d4e5f60718';
export const INSTALLATION = { install: INSTALL, source: '/data/app.db', system: 'x/y' };
export const WRITER: Writer = { token: INSTALL, replicaRole: true };

export const mark = (seq: number): Mark => ({ seq: BigInt(seq) as Seq, nonce: BigInt(seq) * 1000n });

export type World = AsyncDisposable & {
  readonly postgres: TestPostgres;
  readonly session: Session;
  apply(seq: number, slices: readonly Partial<Slice>[], more?: Partial<Rows>): Promise<void>;
};

/** Installed, keys built, checkpoint at seq 1, tables empty. */
export async function world(
  options: Partial<SinkOptions> & { readonly url?: string; readonly postgres?: TestPostgres } = {},
): Promise<World> {
  const postgres = options.postgres ?? (await testPostgres());
  const session = await connect(options.url ?? postgres.url, { applicationName: 'attacca test' });
  const writer = options.writer ?? WRITER;
  await installPostgres(session, PLAN, INSTALLATION);
  await buildKeys(session, PLAN);
  await resetProgress(session, { plan: PLAN, writer, mark: mark(1), totals: new Map() });
  const sink = postgresSink({ session, plan: PLAN, writer, ...options });
  return {
    postgres,
    session,
    apply: (seq, slices, more) => sink.apply(batch(seq, slices, more)),
    async [Symbol.asyncDispose]() {
      await session.end();
      if (options.postgres === undefined) await postgres[Symbol.asyncDispose]();
    },
  };
}

export function batch(seq: number, slices: readonly Partial<Slice>[], more: Partial<Rows> = {}): Batch<Mark, Rows> {
  const full = slices.map((slice): Slice => ({ table: 1, rows: [], gone: [], misfits: [], ...slice }));
  const size = full.reduce((sum, slice) => sum + slice.rows.length + slice.gone.length + slice.misfits.length, 0);
  return { position: mark(seq), changes: { marks: size, size, replaced: [], slices: () => full, ...more } };
}

/** A row of items. */
export const item = (id: number, u: string | null = null, name: string | null = `item ${id}`): PgRow => [
  String(id),
  name,
  u,
  null,
  null,
  null,
];

export const misfit = (key: string, target: PgKey | undefined): Misfit => ({
  key,
  target,
  column: 'name',
  reason: 'text with a NUL',
  raw: 'x:00',
});
