/* `verify` as the controller does it: compares, remembers the result, and copies again what differs. */
import { setTimeout as delay } from 'node:timers/promises';
import { PipeEnded, Refused, ReplicationError, SourceMoved } from '../../../change/errors.ts';
import { namedValues } from '../../../plan/codec.ts';
import { count } from '../../../postgres/apply/quarantine.ts';
import { endRound, readRound, saveRound } from '../../../postgres/compare/round.ts';
import { rowsAbout } from '../../../postgres/compare/state.ts';
import { audit } from '../../../postgres/installed/audit.ts';
import { readVerified, record } from '../../../postgres/installed/control.ts';
import type { VerifyDocument } from '../../../server/documents.ts';
import type { Progress, VerifyOptions } from '../../../server/operations.ts';
import { mark, markTables } from '../../../sqlite/capture/marking.ts';
import { openSource } from '../../../sqlite/open.ts';
import { writeTransaction } from '../../../sqlite/transaction.ts';
import { type Verified, verifyAll } from '../../../verify/verify.ts';
import type { Place } from '../../../verify/walk.ts';
import type { Controller } from '../controller.ts';
import { chosen, type Installed, installed } from '../engine.ts';
import { watched } from '../points.ts';
import type { Tail } from '../tail.ts';
import { onceASecond, saying } from '../tell/reckoning.ts';
import { compareCatalog, repairCatalog } from './catalog.ts';
import { type Compared, document, isEqual, lacksColumns, rogueTables, type Work } from './verified.ts';

const MARK_WAIT_MS = 30_000;
/** How often the progress of a comparison is made durable: what was compared since is compared again after a crash. */
const SAVE_MS = 2_000;

/** Compares, and with `repair` copies again what differs and compares once more: its rows first, whole tables if that was not enough. */
export async function verify(
  controller: Controller,
  options: VerifyOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<VerifyDocument> {
  const asked = { options, progress, signal };
  let { work, ...compared } = await compare(controller, asked);
  let repaired = 0;
  for (const whole of options.repair ? [false, true] : []) {
    if (isEqual(compared)) break;
    if (controller.tail()?.direction !== 'forward') throw compared.verified.ok ? theirs() : spreads();
    await repairCatalog(work.on, compared.catalog.problems); // the fence before the rows
    if (!compared.verified.ok) repaired += await repair(controller, work.on, compared.verified, { whole, by: options.by, progress });
    ({ work, ...compared } = await compare(controller, { ...asked, options: { ...options, resume: false } }));
  }
  return document(compared, work, repaired);
}

type Asked = Omit<Work, 'on' | 'tables'>;
type Found = Compared & { readonly work: Work };

/** Begins anew where the pipe gives way to another one, as when the daemon follows a change of the schema. */
async function compare(controller: Controller, asked: Asked): Promise<Found> {
  for (;;) {
    const tail = await controller.tailing();
    const on = await installed(controller.engine);
    const work = { ...asked, on, tables: chosen(on, asked.options.tables) };
    try {
      return { ...(await compareBeside(tail, work)), work };
    } catch (error) {
      if (!(error instanceof PipeEnded) && !(error instanceof SourceMoved)) throw error;
      await tail.done.catch(failure => {
        if (!(failure instanceof SourceMoved)) throw cutShort();
      });
    }
  }
}

async function compareBeside(tail: Tail, work: Work): Promise<Compared> {
  const { on, tables, options } = work;
  const { side, log } = on.engine;
  const full = tables.length === on.plan.tables.length;
  const ended = new AbortController();
  const over = AbortSignal.any([work.signal, ended.signal]);
  const end = (): void => ended.abort(new PipeEnded('the pipe stopped in the middle of the comparison'));
  tail.done.then(end, end);
  const began = performance.now();
  const earlier = full && options.resume === true ? await readRound(side, { plan: on.plan, epoch: on.control.epoch }) : undefined;
  if (earlier !== undefined) log.info({ startedAt: earlier.startedAt }, 'an interrupted comparison goes on');
  const startedAt = earlier?.startedAt ?? new Date().toISOString();
  const catalog = await compareCatalog(on, tables);
  const sound = tables.filter(table => !lacksColumns(catalog, table));
  const found = await verifyAll(
    {
      tables: sound,
      pin: tail.pin,
      anchorMs: tail.anchorMs,
      now: () => performance.now(),
      onProgress: speaking(work.progress, await rowsAbout(side, on.plan, sound)),
      resume: earlier === undefined ? undefined : { start: earlier.start, places: earlier.places as ReadonlyMap<number, Place> },
      ...(full ? { save: saving(work, startedAt) } : {}),
      rest: resting(work, over),
      // Marked rows are compared every few seconds meanwhile, and their marks forgotten.
      ...(tail.direction === 'forward' ? { verifiedUpTo: () => readVerified(side) } : {}),
    },
    over,
  );
  over.throwIfAborted(); // whoever ended the pipe may have found that this proves nothing
  const verified = { ...found, ok: found.ok && sound.length === tables.length };
  await remember(work, { verified, catalog }, tail.direction === 'forward');
  const durationMs = performance.now() - began;
  return { verified, catalog, startedAt, resumed: earlier !== undefined, durationMs, quarantined: await count(side) };
}

/** Progress for the person who waits. `total`: about how many rows are to be compared. */
function speaking(progress: Progress, total: number): (done: { readonly table: string; readonly rows: number }) => void {
  const tell = onceASecond(saying(progress, 'comparing'));
  const rowsOf = new Map<string, number>();
  return ({ table, rows }) => {
    rowsOf.set(table, rows);
    tell({ table, rows: [...rowsOf.values()].reduce((sum, count) => sum + count, 0), total });
  };
}

function saving({ on }: Work, startedAt: string): NonNullable<Parameters<typeof verifyAll>[0]['save']> {
  let saved = Number.NEGATIVE_INFINITY;
  const rounds = watched('round', { save: saveRound }, on.engine.reached);
  return async round => {
    if (performance.now() - saved < SAVE_MS) return;
    saved = performance.now();
    await rounds.save(on.engine.side, { plan: on.plan, epoch: on.control.epoch }, { ...round, startedAt });
  };
}

/** Rests as the options say, or the configuration where they do not. */
function resting({ on, options }: Work, over: AbortSignal): (done: { readonly rows: number; readonly ms: number }) => Promise<void> {
  const { nice, rowsPerSecond } = { ...on.engine.config.verify, ...defined(options) };
  return async ({ rows, ms }) => {
    const slow = rowsPerSecond === undefined ? 0 : (rows / rowsPerSecond) * 1_000 - ms;
    await delay(Math.max(0, ms * nice, slow), undefined, { signal: over }).catch(() => undefined); // verifyAll looks itself
  };
}

const defined = ({ nice, rowsPerSecond }: VerifyOptions) => ({
  ...(nice === undefined ? {} : { nice }),
  ...(rowsPerSecond === undefined ? {} : { rowsPerSecond }),
});

/** Rows that differ refuse a switch. What is amiss in the catalog refuses a cutover, but no way back from it. */
async function remember({ on, tables, options }: Work, found: Pick<Compared, 'verified' | 'catalog'>, forward: boolean): Promise<void> {
  const { side, log } = on.engine;
  const { position, lsn, differences, ok: rowsOk } = found.verified;
  const ok = forward ? isEqual(found) : rowsOk;
  if (tables.length === on.plan.tables.length) {
    const upTo = rowsOk ? { verifiedSeq: position.seq, verifiedAt: 'now' as const } : {};
    await record(side, { fullVerifiedAt: 'now', fullVerifiedOk: ok, ...upTo });
    await endRound(side);
  } else if (!ok) {
    await record(side, { fullVerifiedOk: false });
  }
  const rogue = rogueTables(on.plan, found.catalog);
  const written = differences.filter(({ table }) => rogue.has(table)).length;
  if (written > 0) {
    log.error({ rows: written, tables: [...rogue] }, 'somebody else wrote in Postgres');
    await audit(side, 'rogue writes', { rows: written, tables: [...rogue] }, options.by);
  }
  const event = ok ? 'verified: equal' : 'verified: different';
  const objects = found.catalog.problems.length;
  await audit(
    side,
    event,
    { tables: tables.length, differences: differences.length, objects, position: String(position.seq), lsn },
    options.by,
  );
}

/** Marks again what differs; the pipe reads those rows anew and applies them. Only while SQLite is primary. */
async function repair(
  controller: Controller,
  on: Installed,
  { tables, differences }: Verified,
  { whole, by, progress }: { readonly whole: boolean; readonly by: string | undefined; readonly progress: Progress },
): Promise<number> {
  const byName = new Map(on.plan.tables.map(table => [table.name, table]));
  const kept = (name: string): number => differences.filter(({ table }) => table === name).length;
  // More than were kept by name, or more than marking them one by one has mended.
  const anew = tables.filter(({ table, differences: found }) => found > 0 && (whole || found > kept(table)));
  const rows = tables.reduce((sum, table) => sum + table.differences, 0);
  progress(anew.length === 0 ? `copying ${rows} rows again` : `copying ${anew.length} tables again`);
  using db = openSource(controller.engine.config.source);
  const named = differences.flatMap(({ table: name, key }) => {
    const table = byName.get(name);
    return table === undefined ? [] : [{ table, key: namedValues(key) }];
  });
  await mark(db, MARK_WAIT_MS, named);
  const ids = anew.flatMap(({ table }) => byName.get(table)?.id ?? []);
  if (ids.length > 0) await writeTransaction(db, MARK_WAIT_MS, () => markTables(db, ids));
  await audit(controller.engine.side, 'repaired', { rows, tables: anew.length }, by);
  return rows;
}

const cutShort = (): ReplicationError =>
  new ReplicationError('retry', 'nothing is replicated any more: the comparison was cut short', {
    hint: '`attacca status` says why; `attacca verify --resume` goes on with a full comparison',
  });

const theirs = (): Refused =>
  new Refused('nothing is repaired while Postgres is primary', [
    {
      code: 'postgres-primary',
      reason: 'the rows are equal, and the objects that are wrong are in tables that the application is writing',
      remedy: 'see them without --repair, and make them again by DDL of your own; they refuse no rollback',
    },
  ]);

const spreads = (): Refused =>
  new Refused('nothing is repaired while Postgres is primary', [
    {
      code: 'postgres-primary',
      reason: 'the differences are in the SQLite mirror, which a repair from SQLite would spread',
      remedy: 'see the differences without --repair; `attacca resync` copies the mirror anew from Postgres',
    },
  ]);
