/*
 * The thread of one lane of the first copy: a connection to the SQLite file and a session with Postgres of its own, so that
 * reading, encoding and sending go on beside each other on several cores. It does what it is told, one call at a time.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { Misfit } from '../../../change/change.ts';
import type { Allowance, Portion } from '../../../change/ports.ts';
import type { Plan, TablePlan } from '../../../plan/plan.ts';
import { type PlacedPortion, writeChunk } from '../../../postgres/apply/chunk.ts';
import type { QuarantinePolicy } from '../../../postgres/apply/policy.ts';
import { isPoison } from '../../../postgres/session/errors.ts';
import { connect, type Writer } from '../../../postgres/session/open.ts';
import { checkFit } from '../../../sqlite/capture/health.ts';
import { explain, openSource } from '../../../sqlite/open.ts';
import { rowsBetween } from '../../../sqlite/read/chunk.ts';
import { readPortion } from '../../../sqlite/read/portion.ts';
import { readTransaction } from '../../../sqlite/transaction.ts';
import { type Failure, packed } from '../failure.ts';
import { giveWay } from '../priority.ts';

export type LaneOptions = {
  readonly source: string;
  readonly url: string;
  readonly plan: Plan;
  readonly writer: Writer;
  readonly policy: QuarantinePolicy;
};

export type LaneCall =
  | { readonly call: 'read'; readonly table: number; readonly cursor: string | null; readonly allowance: Allowance }
  | { readonly call: 'copy' }
  | { readonly call: 'write' };

/** It ends itself when told to: a thread that is ended from outside while it loads a native module takes the process with it. */
export type LaneMessage = LaneCall | { readonly call: 'end' };

export type LaneAnswer =
  | { readonly kind: 'read'; readonly cursor: string | null }
  | { readonly kind: 'copied' }
  | { readonly kind: 'written'; readonly rows: number; readonly misfits: readonly Misfit[] }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** What has been copied waits for its turn. */
type Written = { readonly rows: number; readonly misfits: readonly Misfit[] };
type Writing = { readonly go: () => void; readonly done: Promise<Written> };

async function lane({ source, url, plan, writer, policy }: LaneOptions): Promise<(call: LaneCall) => Promise<LaneAnswer>> {
  const db = openSource(source, { scan: true });
  const session = await connect(url, { applicationName: 'attacca snapshot' });
  const tables = new Map(plan.tables.map(table => [table.id, table]));
  let placed: PlacedPortion | undefined;
  let writing: Writing | undefined;

  async function written(of: PlacedPortion, turn: () => Promise<void>): Promise<Written> {
    try {
      return { rows: of.portion.size, misfits: await writeChunk({ session, plan, writer, policy }, of, turn) };
    } catch (error) {
      if (!isPoison(error) || of.portion.csv.length === 0) throw error;
      return written({ ...of, portion: exactly(of) }, turn);
    }
  }

  /** The same rows once more, every row through its codecs: there the row that Postgres refuses is found. */
  function exactly({ table, from, portion }: PlacedPortion): Portion {
    using _state = readTransaction(db);
    checkFit(db, plan);
    const { rows, misfits } = rowsBetween(db, table, from, portion.cursor);
    return { csv: [], rows, misfits, size: rows.length, cursor: portion.cursor };
  }

  return async call => {
    switch (call.call) {
      case 'read': {
        using _state = readTransaction(db);
        checkFit(db, plan);
        const table = tables.get(call.table) as TablePlan;
        placed = { table, from: call.cursor, portion: readPortion(db, table, call.cursor, call.allowance) };
        return { kind: 'read', cursor: placed.portion.cursor };
      }
      case 'copy': {
        const [copied, turn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
        const waiting = (): Promise<void> => {
          copied.resolve();
          return turn.promise;
        };
        const done = written(placed as PlacedPortion, waiting);
        writing = { done, go: turn.resolve };
        await Promise.race([copied.promise, done]);
        return { kind: 'copied' };
      }
      case 'write': {
        const { done, go } = writing as Writing;
        go();
        return { kind: 'written', ...(await done) };
      }
    }
  };
}

giveWay();

const options = workerData as LaneOptions;
const opened = lane(options);
opened.catch(() => undefined); // the first call reports it
parentPort?.on('message', (message: LaneMessage) => {
  if (message.call === 'end') process.exit(); // the thread alone
  void opened
    .then(handle => handle(message))
    .catch((error: unknown): LaneAnswer => ({ kind: 'failed', failure: packed(explain(options.source, error)) }))
    .then(answer => parentPort?.postMessage(answer));
});
