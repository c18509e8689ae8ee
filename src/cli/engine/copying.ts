/*
 * The first three phases: capture in, everything copied, caught up for the first time.
 */
import type { Mark } from '../../change/change.ts';
import { chunkWriter, readProgress, resetProgress } from '../../postgres/chunk.ts';
import { analyze, buildIndexes, buildKeys } from '../../postgres/constraints.ts';
import { sessions } from '../../postgres/pool.ts';
import { snapshot } from '../../replicate/snapshot.ts';
import { chunk, countRows } from '../../sqlite/chunk.ts';
import { checkFit } from '../../sqlite/health.ts';
import { install } from '../../sqlite/install.ts';
import { openSource, readTransaction } from '../../sqlite/open.ts';
import { identityOf } from './bootstrap.ts';
import { disposable } from './disposable.ts';
import type { Installed } from './engine.ts';
import { forwardTail } from './forward-tail.ts';
import { watched } from './points.ts';
import { forwardSink } from './sinks.ts';
import { caughtUp } from './tail.ts';

/** How long installing may wait for the write lock; it holds it for milliseconds. */
const INSTALL_WAIT_MS = 30_000;
const PROGRESS_MS = 1_000;

/** `preparing`: triggers and journal in, one short write transaction; the journal's head becomes the checkpoint. */
export async function installCapture(on: Installed): Promise<void> {
  const { engine, plan } = on;
  using db = disposable(openSource(engine.config.source));
  const head = await install(db.database, plan, { install: on.install, target: identityOf(engine) }, INSTALL_WAIT_MS);
  const totals = new Map(plan.tables.map(table => [table.id, countRows(db.database, table)]));
  await resetProgress(engine.main, { plan, writer: on.writer, mark: head, totals });
  engine.log.info({ seq: String(head.seq) }, 'capture installed');
}

export type CopyReport = { readonly rows: number; readonly seconds: number };

/** `copying`: every table, chunk by chunk; goes on where an earlier process stopped. */
export async function copyTables(on: Installed, signal: AbortSignal): Promise<CopyReport> {
  const { engine, plan } = on;
  const { parallelChunks, chunkRows } = engine.config.snapshot;
  const began = performance.now();
  let copied = 0;
  let spoken = began;
  using db = disposable(openSource(engine.config.source));
  await using pool = sessions(engine.url, parallelChunks, { applicationName: 'attacca snapshot' });
  const chunks = watched(
    'snapshot',
    { write: chunkWriter({ sessions: pool, plan, writer: on.writer, onQuarantine: on.onQuarantine }) },
    engine.reached,
  );
  const tables = new Map(plan.tables.map(table => [table.id, table]));
  const total = plan.tables.reduce((sum, table) => sum + countRows(db.database, table), 0);
  await snapshot(
    {
      tables: [...tables.keys()],
      parallelChunks,
      chunkRows,
      progress: await readProgress(engine.side),
      read(id, cursor, limit) {
        using _state = readTransaction(db.database);
        checkFit(db.database, plan);
        return chunk(db.database, found(tables, id), cursor, limit);
      },
      async write(id, part, after) {
        await chunks.write(id, part, after);
        copied += part.rows.length;
      },
      onProgress(id) {
        const now = performance.now();
        if (now - spoken < PROGRESS_MS) return;
        spoken = now;
        const rate = copied / ((now - began) / 1_000);
        const left = Math.max(0, total - copied);
        engine.log.info(
          { table: found(tables, id).name, rows: copied, total, rowsPerSecond: Math.round(rate), etaSeconds: Math.ceil(left / rate) },
          'copying',
        );
      },
    },
    signal,
  );
  return { rows: copied, seconds: (performance.now() - began) / 1_000 };
}

/** `catching_up`: keys, then everything that changed meanwhile, then indexes. From here on every commit is a state of the file [G3]. */
export async function catchUp(on: Installed, checkpoint: Mark, signal: AbortSignal): Promise<void> {
  const { engine, plan } = on;
  await buildKeys(engine.main, plan);
  const tail = forwardTail(on, forwardSink(on), { checkpoint, verifying: false });
  try {
    await Promise.race([caughtUp(tail), tail.done]);
  } finally {
    await tail.stop();
  }
  await tail.done;
  signal.throwIfAborted();
  await buildIndexes(engine.main, plan, (table, statement, error) =>
    engine.log.warn({ table: table.name, statement, err: error }, 'index not built'),
  );
  await analyze(engine.main, plan);
}

function found<T>(tables: ReadonlyMap<number, T>, id: number): T {
  const table = tables.get(id);
  if (table === undefined) throw new RangeError(`the plan has no table ${id}`);
  return table;
}
