/*
 * The first copy, Postgres's side of it.
 *
 * (1) A chunk and the progress after it commit together; a chunk that is there already is not written again [G2].
 * (2) Chunks are written side by side, each in a session of its own; the progress row of the table puts them in order.
 */
import type { Mark } from '../change/change.ts';
import { ReplicationError } from '../change/errors.ts';
import type { Chunk } from '../change/ports.ts';
import { at, type Plan } from '../plan/plan.ts';
import { copyFitting } from './copy.ts';
import { tableName } from './fence.ts';
import { type Session, transaction, type Writer } from './open.ts';
import type { Sessions } from './pool.ts';
import { put } from './quarantine.ts';
import type { OnQuarantine } from './writes.ts';

/** How far the copy of one table has come. */
export type Progress = {
  /** Where the next chunk begins; null at the start, and when it is done. */
  readonly cursor: string | null;
  /** Rows written so far, also those that Postgres then refused. */
  readonly rows: number;
  readonly done: boolean;
};

/** Progress by TablePlan.id; `total` is the estimate that was given at the start. */
export async function readProgress(session: Session): Promise<ReadonlyMap<number, Progress & { readonly total: number | null }>> {
  const { rows } = await session.query(/* sql */ `select table_id, cursor, rows, total, done from attacca.snapshot`);
  return new Map(
    rows.map(row => [
      Number(row.table_id),
      {
        cursor: row.cursor ?? null,
        rows: Number(row.rows),
        done: row.done === 't',
        total: row.total == null ? null : Number(row.total),
      },
    ]),
  );
}

export type Beginning = {
  readonly plan: Plan;
  readonly writer: Writer;
  /** The head of the journal before the first chunk is read: where the catch-up begins. */
  readonly mark: Mark;
  /** Rows expected, by TablePlan.id. */
  readonly totals: ReadonlyMap<number, number>;
};

const BEGIN = /* sql */ `insert into attacca.snapshot (table_id, total) select * from unnest($1::integer[], $2::bigint[])`;
const MARK = /* sql */ `
  update attacca.control set seq = $1, nonce = $2, verified_seq = null, verified_at = null, full_verified_at = null, full_verified_ok = null,
    updated_at = now()`;

/** Begins the copy, or begins it again: empties the tables and the quarantine and sets the checkpoint to `mark`. */
export async function resetProgress(session: Session, { plan, writer, mark, totals }: Beginning): Promise<void> {
  const ids = plan.tables.map(table => table.id);
  const names = plan.tables.map(table => tableName(plan, table));
  await transaction(session, writer, async () => {
    await session.query(['truncate attacca.snapshot, attacca.quarantine', ...names].join(', '));
    await session.query(BEGIN, [ids, ids.map(id => totals.get(id) ?? null)]);
    await session.query(MARK, [mark.seq, mark.nonce]);
  });
}

export type ChunkOptions = {
  readonly sessions: Sessions;
  readonly plan: Plan;
  readonly writer: Writer;
  /** Called after the commit. */
  readonly onQuarantine?: OnQuarantine;
};

const BEFORE = /* sql */ `select rows, done from attacca.snapshot where table_id = $1 for update`;
const AFTER = /* sql */ `update attacca.snapshot set cursor = $2, rows = $3, done = $4 where table_id = $1`;

/**
 * Writes one chunk and the progress after it in one transaction; `after.rows` counts the chunk's rows. Throws
 * ReplicationError('retry') when the table is not where the chunk begins: a session that was believed dead has written it.
 */
export function chunkWriter(options: ChunkOptions): (table: number, chunk: Chunk, after: Progress) => Promise<void> {
  const tables = new Map(options.plan.tables.map((table, index) => [table.id, index]));
  return async (id, chunk, after) => {
    const table = at(options.plan.tables, tables.get(id) ?? -1);
    const misfits = await options.sessions.use(session =>
      transaction(session, options.writer, async () => {
        const before = (await session.query(BEFORE, [id])).rows[0];
        if (before === undefined || before.done === 't' || Number(before.rows) !== after.rows - chunk.rows.length) throw elsewhere();
        const refused = await copyFitting(session, options.plan, table, chunk.rows);
        await put(session, table, [...chunk.misfits, ...refused]);
        await session.query(AFTER, [id, after.cursor, after.rows, after.done]);
        return [...chunk.misfits, ...refused];
      }),
    );
    if (misfits.length > 0) options.onQuarantine?.(table, misfits);
  };
}

const elsewhere = (): ReplicationError =>
  new ReplicationError('retry', 'the copy of a table is not where this chunk begins', {
    hint: 'attacca reads its progress again and goes on',
  });
