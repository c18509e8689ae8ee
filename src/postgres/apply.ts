/*
 * Writes batches of the journal into Postgres.
 *
 * (1) A batch and its checkpoint are written in one transaction, under a lock on the checkpoint: a batch is there once or not at
 *     all [G2], and a Postgres reader sees committed states of the SQLite file only [G3].
 * (2) All deletions of a batch come before all insertions. The end state is a legal SQLite state, so with every touched key out of
 *     the way no two rows can clash; a small batch tries plain upserts first, which are cheaper, and falls back on that.
 * (3) A row that Postgres refuses is left out and quarantined; the batch goes on without it [G4].
 * (4) Without replica role foreign key actions are live and a deletion would cascade: the tables then have no foreign keys while
 *     this runs (constraints.ts adds them at cutover).
 */
import type { Batch, Mark, Misfit, PgKey, PgRow, Rows, Seq, Slice } from '../change/change.ts';
import { ReplicationError } from '../change/errors.ts';
import type { Sink } from '../change/ports.ts';
import { quote } from '../change/quote.ts';
import { keyName } from '../plan/codec.ts';
import { at, type ColumnPlan, keyColumns, type Plan, type TablePlan } from '../plan/plan.ts';
import { copyFitting, keyOf } from './copy.ts';
import { isPoison } from './errors.ts';
import { tableName } from './fence.ts';
import { type PgRecord, type Session, type Statement, transaction, type Writer } from './open.ts';
import { put, remove, removeAll } from './quarantine.ts';

/** A row went into quarantine; tells which and why, never what it holds. */
export type OnQuarantine = (table: TablePlan, misfits: readonly Misfit[]) => void;

export type SinkOptions = {
  /** The controller's own session: the one that holds the advisory lock. */
  readonly session: Session;
  readonly plan: Plan;
  readonly writer: Writer;
  /** Called after the commit. */
  readonly onQuarantine?: OnQuarantine;
};

/** Up to this many rows a batch is upserted; more are deleted by key and copied. */
const SMALL = 1_000;

/** The forward sink: state of SQLite rows in, Postgres rows out. Throws ReplicationError only. */
export function postgresSink(options: SinkOptions): Sink<Mark, Rows> {
  const target = { ...options, tables: new Map(options.plan.tables.map(table => [table.id, tableOf(options.plan, table)])) };
  return {
    checkpoint: async () => markOf((await options.session.query(READ)).rows[0]),
    async apply(batch) {
      if (batch.changes.size > SMALL) return attempt(target, batch, replace);
      try {
        await attempt(target, batch, upsert);
      } catch (error) {
        // A clash that the order of statements made, or a row that does not fit: the other way tells them apart.
        if (!isPoison(error)) throw error;
        await attempt(target, batch, replace);
      }
    },
  };
}

type Table = { readonly plan: TablePlan; readonly upsert: Statement; readonly delete: Statement; readonly name: string };
type Target = SinkOptions & { readonly tables: ReadonlyMap<number, Table> };
type Refusals = readonly (readonly [Table, readonly Misfit[]])[];
/** Writes the changes; returns what went into quarantine. `quarantined`: there were rows in it before. */
type Write = (target: Target, rows: Rows, quarantined: boolean) => Promise<Refusals>;

const READ = /* sql */ `select seq, nonce from attacca.control`;
const LOCK = /* sql */ `
  select seq, nonce, phase, (select exists (select from attacca.quarantine)) as quarantined from attacca.control for update`;
const advance = ({ seq, nonce }: Mark): string => /* sql */ `update attacca.control set seq = ${seq}, nonce = ${nonce}, updated_at = now()`;

async function attempt(target: Target, { position, changes }: Batch<Mark, Rows>, write: Write): Promise<void> {
  let last: string | undefined;
  const work = async ([row]: readonly PgRecord[]): Promise<Refusals> => {
    if (isReplay(markOf(row), position)) return [];
    refuseIfPrimary(row?.phase ?? '');
    last = advance(position);
    return write(target, changes, row?.quarantined === 't');
  };
  const refusals = await transaction(target.session, target.writer, work, { first: LOCK, last: () => last });
  for (const [table, misfits] of refusals) if (misfits.length > 0) target.onQuarantine?.(table.plan, misfits);
}

/** A missing checkpoint is not position zero: treating it so would copy a whole history over a live target. */
function markOf(row: PgRecord | undefined): Mark {
  if (row?.seq == null || row.nonce == null)
    throw new ReplicationError('halt', 'Postgres has no checkpoint', { hint: 'the first copy never began: run attacca sync' });
  return { seq: BigInt(row.seq) as Seq, nonce: BigInt(row.nonce) };
}

/** At or below the checkpoint everything is here already. The same seq with another nonce is another history. */
function isReplay(checkpoint: Mark, position: Mark): boolean {
  if (checkpoint.seq !== position.seq || checkpoint.nonce === position.nonce) return checkpoint.seq >= position.seq;
  throw new ReplicationError('halt', 'the journal is not the one this database follows', {
    hint: 'the SQLite file was restored or lost commits: verify, then resync',
  });
}

/** Once the application writes to Postgres, a batch from SQLite that arrives late would overwrite newer rows [G8]. */
function refuseIfPrimary(phase: string): void {
  if (phase !== 'mirroring' && phase !== 'finished' && !phase.endsWith('_back')) return;
  throw new ReplicationError('halt', `Postgres is primary (phase ${phase}): it takes no batch from SQLite`, {
    hint: 'another controller has switched: let only one run',
  });
}

const upsert: Write = async (target, rows, quarantined) => {
  const slices: Slice[] = [];
  for await (const slice of rows.slices()) slices.push(slice);
  await empty(target, rows.replaced);
  for (const slice of slices) await deleteKeys(target, slice, absences(slice));
  for (const slice of slices) {
    const { plan, upsert: statement } = tableIn(target, slice);
    for (const rows of portions(slice.rows)) await target.session.query(statement, columnar(plan.columns, rows));
  }
  return settleAll(target, slices, quarantined);
};

/** A statement's parameters are text in memory: rows with large values go a few at a time. */
function* portions(rows: readonly PgRow[]): Generator<PgRow[]> {
  let portion: PgRow[] = [];
  let length = 0;
  for (const row of rows) {
    portion.push(row);
    for (const text of row) length += text?.length ?? 0;
    if (length < PORTION) continue;
    yield portion;
    portion = [];
    length = 0;
  }
  if (portion.length > 0) yield portion;
}

const PORTION = 8_000_000;

async function settleAll(target: Target, slices: readonly Slice[], quarantined: boolean): Promise<Refusals> {
  const refusals: [Table, readonly Misfit[]][] = [];
  for (const slice of slices) refusals.push(await settle(target, slice, { refused: [], quarantined }));
  return refusals;
}

const replace: Write = async (target, rows, quarantined) => {
  const replaced = new Set(rows.replaced);
  await empty(target, rows.replaced);
  for await (const slice of rows.slices()) {
    const { plan } = tableIn(target, slice);
    if (!replaced.has(slice.table)) await deleteKeys(target, slice, [...absences(slice), ...slice.rows.map(row => keyOf(plan, row))]);
  }
  const refusals: [Table, readonly Misfit[]][] = [];
  for await (const slice of rows.slices()) {
    const refused = await copyFitting(target.session, target.plan, tableIn(target, slice).plan, slice.rows);
    refusals.push(await settle(target, slice, { refused, quarantined }));
  }
  return refusals.filter(([, misfits]) => misfits.length > 0);
};

/** Keys that must have no row in the target: what is gone, and older versions of what does not fit any more. */
const absences = (slice: Slice): PgKey[] => [
  ...slice.gone,
  ...slice.misfits.flatMap(({ target }) => (target === undefined ? [] : [target])),
];

/** DELETE, not TRUNCATE: a reader with an older snapshot would see the table empty [G3]. */
async function empty(target: Target, tables: readonly number[]): Promise<void> {
  for (const id of tables) {
    await target.session.query({ text: `delete from ${tableIn(target, { table: id }).name}`, limitMs: EMPTY_MS });
    await removeAll(target.session, id);
  }
}

const EMPTY_MS = 60 * 60_000;

async function deleteKeys(target: Target, slice: Slice, keys: readonly PgKey[]): Promise<void> {
  const { plan, delete: statement } = tableIn(target, slice);
  if (keys.length > 0) await target.session.query(statement, columnar(keyColumns(plan), keys));
}

/** Rows that fit, or are gone, leave quarantine; misfits and what Postgres refused enter it. */
async function settle(
  { session, tables }: Target,
  slice: Slice,
  { refused, quarantined }: { readonly refused: readonly Misfit[]; readonly quarantined: boolean },
): Promise<[Table, readonly Misfit[]]> {
  const table = tableIn({ tables }, slice);
  const { plan } = table;
  if (quarantined) {
    const settled = [...slice.gone, ...slice.rows.map(row => keyOf(plan, row))].map(key => keyName(plan, key));
    await remove(session, plan.id, [...settled, ...(slice.vanished ?? [])]);
  }
  const misfits = [...slice.misfits, ...refused];
  await put(session, plan, misfits);
  return [table, misfits];
}

function tableIn({ tables }: Pick<Target, 'tables'>, { table: id }: { readonly table: number }): Table {
  const table = tables.get(id);
  if (table === undefined) throw new ReplicationError('halt', `the plan has no table ${id}`, { hint: 'report this as a bug' });
  return table;
}

/** One array per column, as `unnest` takes them. */
const columnar = (columns: readonly unknown[], rows: readonly PgRow[]): (string | null)[][] =>
  columns.map((_, index) => rows.map(row => at(row, index)));

function tableOf(plan: Plan, table: TablePlan): Table {
  const name = tableName(plan, table);
  const key = keyColumns(table);
  const list = (columns: readonly ColumnPlan[]) => columns.map(column => quote(column.target)).join(', ');
  // The key too: -0 and 0 are one key, and not the same value.
  const update = table.columns.map(({ target }) => `${quote(target)} = excluded.${quote(target)}`).join(', ');
  const same = key.map(({ target }, index) => `t.${quote(target)} = k.k${index}`).join(' and ');
  const insert = `insert into ${name} (${list(table.columns)}) select * from unnest(${arrays(table.columns)})`;
  return {
    plan: table,
    name,
    upsert: { name: `attacca_upsert_${table.id}`, text: `${insert} on conflict (${list(key)}) do update set ${update}` },
    delete: {
      name: `attacca_delete_${table.id}`,
      text: `delete from ${name} t using unnest(${arrays(key)}) as k(${key.map((_, index) => `k${index}`).join(', ')}) where ${same}`,
    },
  };
}

/** `$1::bigint[], $2::text[]`: parameters of `columnar`, with the types that keep the key's index in use. */
export const arrays = (columns: readonly ColumnPlan[]): string => columns.map(({ type }, index) => `$${index + 1}::${type}[]`).join(', ');
