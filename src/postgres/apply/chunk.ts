/*
 * The first copy, Postgres's side of it.
 *
 * (1) A chunk and the progress after it commit together; a chunk that is there already is not written again [G2].
 * (2) Chunks are written side by side, each in a session of its own; they commit in the order of the table's key, which the
 *     cursor in its progress row proves.
 * (3) A chunk does not wait for the disk: what a crash of the server loses, it loses with the progress, and what ends the copy
 *     is a commit that waits.
 * (4) Unique indexes that the application has made are there from the start, and chunks are of different times: a value that moved
 *     from row q to row r in between clashes. r goes to quarantine then, and the catch-up brings it: at the time of q's chunk r did
 *     not have the value, so it has changed since, and is marked. What is unique in Postgres only stays in quarantine, and blocks.
 */
import type { Mark, Misfit } from '../../change/change.ts';
import { ReplicationError } from '../../change/errors.ts';
import type { Portion, TableProgress } from '../../change/ports.ts';
import { type Plan, type TablePlan, tableName } from '../../plan/plan.ts';
import { type Session, transaction, type Writer } from '../session/open.ts';
import { copyCsv, copyFitting } from './copy.ts';
import { enforce, type QuarantinePolicy, UNLIMITED } from './policy.ts';
import { put } from './quarantine.ts';

/** Progress by TablePlan.id; `total` is the estimate that was given at the start. */
export async function readProgress(session: Session): Promise<ReadonlyMap<number, TableProgress & { readonly total: number | null }>> {
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

type FirstCopy = {
  readonly plan: Plan;
  readonly writer: Writer;
  /** The head of the journal before the first chunk is read: where the catch-up begins. */
  readonly mark: Mark;
  /** Rows expected, by TablePlan.id. */
  readonly totals: ReadonlyMap<number, number>;
};

const BEGIN = /* sql */ `insert into attacca.snapshot (table_id, total) select * from unnest($1::integer[], $2::bigint[])`;
const MARK = /* sql */ `update attacca.control set seq = $1, nonce = $2, updated_at = now()`;

/** Begins the copy, or begins it again: empties the tables and the quarantine and sets the checkpoint to `mark`. */
export async function resetProgress(session: Session, { plan, writer, mark, totals }: FirstCopy): Promise<void> {
  const ids = plan.tables.map(table => table.id);
  const names = plan.tables.map(table => tableName(plan, table));
  await transaction(session, writer, async () => {
    const empty = plan.existing ? [] : names; // those were found empty, and are fenced since
    await session.query(['truncate attacca.snapshot, attacca.quarantine', ...empty].join(', '));
    await session.query(BEGIN, [ids, ids.map(id => totals.get(id) ?? null)]);
    await session.query(MARK, [mark.seq, mark.nonce]);
  });
}

export type ChunkOptions = {
  readonly session: Session;
  readonly plan: Plan;
  readonly writer: Writer;
  /** When there are too many rows that do not fit; without it there never are. */
  readonly policy?: QuarantinePolicy;
};

/** What is written: the rows behind the cursor `from`. */
export type PlacedPortion = { readonly table: TablePlan; readonly from: string | null; readonly portion: Portion };

const UNHURRIED = /* sql */ `set local synchronous_commit = off`;
const ADVANCE = /* sql */ `
  update attacca.snapshot set cursor = $3::text, rows = rows + $4, done = $3::text is null
  where table_id = $1 and not done and cursor is not distinct from $2::text`;

/**
 * Copies one chunk, waits for `turn`, and commits it with the progress after it. Resolves with the rows that went into
 * quarantine. Throws a PostgresError for which `isPoison` holds where the CSV has a row that Postgres refuses: then nothing is
 * written, and the chunk must come as rows. Throws ReplicationError('retry') when the table is not where the chunk begins: a
 * session that was believed dead has written it. Throws as `enforce` does.
 */
export function writeChunk(options: ChunkOptions, placed: PlacedPortion, turn: () => Promise<void>): Promise<readonly Misfit[]> {
  const { session, plan, writer, policy = UNLIMITED } = options;
  const { table, from, portion } = placed;
  const work = async (): Promise<readonly Misfit[]> => {
    if (portion.csv.length > 0) await copyCsv(session, plan, table, portion.csv);
    const misfits = [...portion.misfits, ...(await copyFitting(session, plan, table, portion.rows))];
    await turn();
    await put(session, table, misfits);
    if (misfits.length > 0) await enforce(session, table, policy, misfits);
    const { rowCount } = await session.query(ADVANCE, [table.id, from, portion.cursor, portion.size]);
    if (rowCount !== 1) throw elsewhere();
    return misfits;
  };
  return transaction(session, writer, work, { first: UNHURRIED });
}

const elsewhere = (): ReplicationError =>
  new ReplicationError('retry', 'the copy of a table is not where this chunk begins', {
    hint: 'attacca reads its progress again and goes on',
  });
