/*
 * The first three phases: capture in, everything copied, caught up for the first time.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { Mark } from '../../../change/change.ts';
import type { Allowance } from '../../../change/ports.ts';
import type { Plan, TablePlan } from '../../../plan/plan.ts';
import { readProgress, resetProgress } from '../../../postgres/apply/chunk.ts';
import { analyze, buildIndex, buildKeys, missingIndexes, type OnRefused } from '../../../postgres/installed/constraints.ts';
import type { Session } from '../../../postgres/session/open.ts';
import { sessions } from '../../../postgres/session/pool.ts';
import { paceOf } from '../../../replicate/pace.ts';
import { snapshot } from '../../../replicate/snapshot.ts';
import { checkFit } from '../../../sqlite/capture/health.ts';
import { type Installing, install } from '../../../sqlite/capture/install.ts';
import { type Database, openSource } from '../../../sqlite/open.ts';
import { countRows } from '../../../sqlite/read/chunk.ts';
import type { CopyReport } from '../controller.ts';
import { type Installed, identityOf } from '../engine.ts';
import { forwardTail } from '../forward/forward-tail.ts';
import { forwardSink } from '../forward/sinks.ts';
import { watched } from '../points.ts';
import { untilCaughtUp } from '../tail.ts';
import { onceASecond } from '../tell/reckoning.ts';
import { startLane } from './lanes.ts';
import { makingWay } from './making-way.ts';
import { watchWal } from './wal-watch.ts';

/** How long installing may wait for the write lock; it holds it for milliseconds. */
const INSTALL_WAIT_MS = 30_000;
const CHUNK_BYTES = 4 * 1_048_576;
const READ_MS = 100;
const BLOCKING_READ_MS = 4;
/** How often a copy looks whether it is still the controller's. */
const HELD_MS = 1_000;

/** `preparing`: triggers and journal in, one short write transaction; the journal's head becomes the checkpoint. */
export async function installCapture(on: Installed, signal: AbortSignal): Promise<void> {
  const { engine, plan } = on;
  using db = openSource(engine.config.source, { scan: true });
  const tell = onceASecond(far => engine.log.info(far, 'installing capture in'));
  const hooked: Installing['hooked'] = done => tell({ ...done, unit: 'tables' });
  const head = await install(db, plan, { install: on.install, target: identityOf(engine) }, INSTALL_WAIT_MS, { signal, hooked });
  await resetProgress(engine.main, { plan, writer: on.writer, mark: head, totals: totalsOf(db, plan) });
  engine.log.info({ seq: String(head.seq) }, 'capture installed');
}

/** No transaction is held around them all, which would hold the application up. Throws SourceMoved where a table is gone by then. */
function totalsOf(db: Database, plan: Plan): Map<number, number> {
  try {
    return new Map(plan.tables.map(table => [table.id, countRows(db, table)]));
  } catch (error) {
    checkFit(db, plan);
    throw error;
  }
}

/** `copying`: every table, chunk by chunk; goes on where an earlier process stopped. */
export async function copyTables(on: Installed, signal: AbortSignal): Promise<CopyReport> {
  const { engine, plan, writer } = on;
  const began = performance.now();
  let copied = 0;
  using db = openSource(engine.config.source, { scan: true });
  const tables = new Map(plan.tables.map(table => [table.id, table]));
  const progress = await readProgress(engine.side);
  const left = [...progress.values()].reduce((sum, { total, rows }) => sum + Math.max(0, (total ?? 0) - rows), 0);
  const tell = onceASecond(far => engine.log.info(far, 'copying'));
  // Unique indexes that are there already make a chunk wait for another one that holds the same value, which waits for its turn.
  const parallelChunks = plan.existing || left <= engine.config.snapshot.chunkRows ? 1 : engine.config.snapshot.parallelChunks;
  await using way = await makingWay(engine.config.source, engine.log);
  const pace = paceOf({
    lanes: parallelChunks,
    allowance: allowanceFor(db),
    dial: engine.throttle,
    backOff: () => way.rest,
    working: () => way.working(parallelChunks),
  });
  const lane = () =>
    startLane({ source: engine.config.source, url: engine.url, plan, writer, policy: engine.config.quarantine }, (id, misfits) =>
      on.onQuarantine(found(tables, id), misfits),
    );
  await using lanes = disposables(Array.from({ length: parallelChunks }, lane));
  const before = new Map(progress);
  const over = new AbortController();
  const watching = watchWal(db, pace, over.signal);
  watching.catch(() => undefined); // awaited below, once the copy has ended
  const lost = new AbortController();
  const holding = stillController(engine.main, over.signal).catch(error => lost.abort(error));
  const looking = way.watch(over.signal).catch(error => engine.log.warn({ err: error }, 'the copy does not see what writes meet'));
  await snapshot(
    {
      tables: [...tables.keys()],
      lanes: lanes.all.map(lane => watched('snapshot', lane, engine.reached)),
      progress,
      pace,
      onProgress(id, after) {
        copied += after.rows - (before.get(id)?.rows ?? 0);
        before.set(id, { ...after, total: null });
        tell({ table: found(tables, id).name, rows: copied, total: left });
      },
    },
    AbortSignal.any([signal, lost.signal]),
  ).finally(() => over.abort());
  await watching;
  await holding;
  await looking;
  return { rows: copied, seconds: (performance.now() - began) / 1_000 };
}

/** Rejects when the lock's session is lost: a copy that rests, or is paused, asks Postgres nothing, and would not notice. */
async function stillController(main: Session, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await main.query('select');
    await delay(HELD_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** In rollback-journal mode a read keeps the application from committing; in WAL mode it only keeps the WAL from being reset. */
function allowanceFor(db: Database): Omit<Allowance, 'rows'> {
  const wal = String(db.pragma('journal_mode', { simple: true })).toLowerCase() === 'wal';
  return { bytes: CHUNK_BYTES, ms: wal ? READ_MS : BLOCKING_READ_MS };
}

/** `catching_up`: keys, then everything that changed meanwhile, then indexes. From here on every commit is a state of the file [G3]. */
export async function catchUp(on: Installed, checkpoint: Mark, signal: AbortSignal): Promise<void> {
  const { engine, plan } = on;
  await using pool = sessions(engine.url, engine.config.snapshot.parallelChunks, { applicationName: 'attacca indexes' });
  const eachTable = (work: (session: Session, tables: TablePlan[]) => Promise<void>): Promise<unknown> =>
    Promise.all(plan.tables.map(table => pool.use(session => work(session, [table]))));
  await eachTable((session, tables) => buildKeys(session, plan, tables));
  await untilCaughtUp(forwardTail(on, forwardSink(on), { checkpoint, verifying: false }), signal);
  const refused: OnRefused = (table, statement, error) => engine.log.warn({ table: table.name, statement, err: error }, 'index not built');
  const missing = await pool.use(session => missingIndexes(session, plan));
  await Promise.all(missing.map(index => pool.use(session => buildIndex(session, index, refused))));
  await eachTable((session, tables) => analyze(session, plan, tables));
}

function found<T>(tables: ReadonlyMap<number, T>, id: number): T {
  const table = tables.get(id);
  if (table === undefined) throw new RangeError(`the plan has no table ${id}`);
  return table;
}

/** All of them are ended when the scope ends. */
const disposables = <T extends AsyncDisposable>(all: readonly T[]): { readonly all: readonly T[] } & AsyncDisposable => ({
  all,
  async [Symbol.asyncDispose]() {
    await Promise.all(all.map(one => one[Symbol.asyncDispose]()));
  },
});
