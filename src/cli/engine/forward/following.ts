/*
 * Follows what happens to the SQLite file itself: changes of its schema, tables of ours that somebody dropped, a missing file.
 *
 * SQLite first (the new plan's capture, and a mark to read), then Postgres: DDL, the new plan and the batch that follows commit
 * together, so that every commit is a state of the file [G3]. A crash in between repeats the same recognition, because the plan
 * in Postgres is still the old one. While the first copy runs, [G3] does not hold yet: then the DDL goes first, alone.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { SourceMoved } from '../../../change/errors.ts';
import { type Evolution, evolve } from '../../../plan/evolve/evolve.ts';
import { changeDdl, changeLines } from '../../../plan/evolve/evolve-ddl.ts';
import type { Plan } from '../../../plan/plan.ts';
import type { SourceTable, TableStats } from '../../../plan/schema.ts';
import { waive } from '../../../plan/waive.ts';
import { endRound } from '../../../postgres/compare/round.ts';
import { analyze, buildIndexes } from '../../../postgres/installed/constraints.ts';
import { record } from '../../../postgres/installed/control.ts';
import { evolveTarget } from '../../../postgres/installed/evolve.ts';
import { type Session, transaction } from '../../../postgres/session/open.ts';
import { adopt, type Look, look } from '../../../sqlite/capture/adopt.ts';
import { captureHazards } from '../../../sqlite/capture/hazards.ts';
import { mend } from '../../../sqlite/capture/health.ts';
import { remains, retake, unhook } from '../../../sqlite/capture/retake.ts';
import { isDoubtful } from '../../../sqlite/capture/steps.ts';
import { type Database, fileAt, openSource } from '../../../sqlite/open.ts';
import { type Asked, profile } from '../../../sqlite/profile/profile.ts';
import { schemaVersion } from '../../../sqlite/read/values.ts';
import { writeTransaction } from '../../../sqlite/transaction.ts';
import { type Engine, halt, type Installed, identityOf, type Standing } from '../engine.ts';
import { watched } from '../points.ts';
import { untilCaughtUp } from '../tail.ts';
import { forwardTail } from './forward-tail.ts';
import { forwardSink } from './sinks.ts';

const LOCK_WAIT_MS = 30_000;
/** A file that is being put in place is away for a moment. */
const ABSENT_MS = 30_000;

/** Looks at the file, and follows what has happened to it. True: something has, so everything is to be read anew. */
export async function followSource(on: Standing, signal: AbortSignal): Promise<boolean> {
  using db = openSource(on.engine.config.source);
  const seen = look(db, on.plan);
  const { control } = on;
  if (control.mark === null) {
    // Nothing is captured yet: only Postgres has to follow.
    const evolution = decide(db, on.plan, seen);
    if (evolution.changes.length === 0) return false;
    if (on.plan.existing) throw notOurs();
    await transaction(on.engine.main, on.writer, () => evolveTarget(on.engine.main, targetOf(on.plan, evolution)));
    return true;
  }
  if (seen.health.state === 'lost') {
    await reinstall(on, db);
    return true;
  }
  if (seen.health.state === 'drifted') {
    await followSchema(on, db, seen, signal);
    return true;
  }
  if (!isDoubtful(seen.steps)) return false;
  await doubt(on);
  await writeTransaction(db, LOCK_WAIT_MS, () => schemaVersion(db) === seen.version && mend(db, on.plan, true));
  return true;
}

/** What the same migration would be in Postgres, only the application knows. */
const notOurs = (): Error =>
  halt(
    'the schema of the SQLite file has changed, and the tables in Postgres are the application’s own',
    'undo the change; or run `attacca uninstall`, migrate Postgres too, truncate its tables, and run `attacca sync` again',
  );

/** Waits for the file, and no longer than one that is put in place takes. */
export async function awaitFile({ config, log }: Engine, signal: AbortSignal): Promise<void> {
  const isAway = (): boolean => fileAt(config.source) === undefined;
  if (isAway()) log.warn({ source: config.source }, 'the SQLite file is away');
  for (const deadline = performance.now() + ABSENT_MS; isAway() && performance.now() < deadline; ) {
    signal.throwIfAborted();
    await delay(100);
  }
}

/** What is said where the file has nothing of ours any more. */
export const UNCAPTURED = {
  reason: "attacca's tables are missing from the SQLite file",
  hint: 'it was restored from a copy without them, or they were dropped. If the file is right, `attacca resync` copies it anew',
};

/** Our tables, or some of them, are gone. Capture goes at once; it comes back where the file is certainly the one we follow. */
async function reinstall(on: Standing, db: Database): Promise<void> {
  const { engine, control } = on;
  await unhook(db, LOCK_WAIT_MS);
  const mark = control.mark;
  const left = mark === null ? undefined : remains(db, mark);
  if (mark === null || left === undefined || (left.install !== on.install && !left.anchored)) {
    throw halt(UNCAPTURED.reason, UNCAPTURED.hint);
  }
  await takeAsTruth(on, db);
  engine.log.warn("attacca's tables were missing from the SQLite file: installed again, everything is copied again");
}

/** Reinstalls what is missing in the file and marks everything whole. */
export async function takeAsTruth(on: Standing, db: Database): Promise<void> {
  const { engine, control, plan } = on;
  if (control.mark === null) throw halt('nothing was copied yet', 'run `attacca sync`');
  await record(engine.main, {}); // a synchronous commit: the checkpoint that becomes the anchor cannot be forgotten any more
  const identity = { install: on.install, target: identityOf(engine) };
  await retake(db, plan, { identity, mark: control.mark, epoch: control.epoch }, LOCK_WAIT_MS);
}

async function followSchema(on: Standing, db: Database, seen: Look, signal: AbortSignal): Promise<void> {
  const evolution = decide(db, on.plan, seen);
  if (isDoubtful(seen.steps, evolution.changes)) await doubt(on);
  await followEvolution(on, db, seen, evolution, signal);
}

/** A column may have gone and come back with other values: what was compared before proves nothing. Before that is forgotten in the file. */
async function doubt({ engine }: Installed): Promise<void> {
  await endRound(engine.side);
  await record(engine.side, { fullVerifiedAt: null });
  engine.log.warn(
    'the schema of the SQLite file was changed by more statements than it shows: a column may have been dropped and added again, which moves values unseen, so a cutover needs `attacca verify` first',
  );
}

/** Carries out what was decided for the file as `seen`: capture, then DDL, plan and rows in one transaction. */
export async function followEvolution(on: Standing, db: Database, seen: Look, evolution: Evolution, signal: AbortSignal): Promise<void> {
  const { engine } = on;
  const { plan, changes, whole } = evolution;
  if (on.plan.existing && changes.length > 0) throw notOurs();
  const ports = watched('schema', { adopt, evolve: evolveTarget }, engine.reached);
  const copying = on.control.phase !== 'shadowing';
  const target = targetOf(on.plan, evolution);
  const apply = (session: Session): Promise<void> => ports.evolve(session, target);
  if (!(await ports.adopt(db, plan, { version: seen.version, whole }, LOCK_WAIT_MS))) return;
  if (copying) await transaction(engine.main, on.writer, () => apply(engine.main));
  else await throughBatch({ ...on, plan }, apply, signal);
  report(on, evolution, target.lines);
  if (copying) return;
  await buildIndexes(engine.main, plan, (table, statement, error) =>
    engine.log.warn({ table: table.name, statement, err: error }, 'index not built'),
  );
  const fresh = new Set(changes.flatMap(change => (change.kind === 'create-table' ? change.table.id : [])));
  await analyze(engine.main, { ...plan, tables: plan.tables.filter(({ id }) => fresh.has(id)) });
}

/** The DDL in the transaction of the batch that follows it, and everything that was written meanwhile. */
async function throughBatch(on: Standing, before: (session: Session) => Promise<void>, signal: AbortSignal): Promise<void> {
  if (on.control.mark === null) return;
  await untilCaughtUp(forwardTail(on, forwardSink(on, before), { checkpoint: on.control.mark, verifying: false }), signal);
}

function decide(db: Database, plan: Plan, seen: Look): Evolution {
  const { schema, triggers } = seen;
  const stats = statsOf(db, seen);
  return evolve(plan, { schema, triggers, hazards: waive(captureHazards(schema), plan.waived ?? []).findings, stats });
}

/**
 * What the stored values of a table are, read when it is asked for. `asked`: as `profile` takes it. No read transaction is held for so
 * long: a table that is gone by then is SourceMoved.
 */
export const statsOf =
  (db: Database, { schema, version }: Pick<Look, 'schema' | 'version'>, asked?: Asked) =>
  (table: SourceTable): TableStats => {
    try {
      const found = profile(db, { ...schema, tables: [table] }, undefined, asked)[table.name];
      if (found === undefined) throw new RangeError(`the profile has no table ${table.name}`);
      return found;
    } catch (error) {
      if (schemaVersion(db) === version) throw error;
      throw new SourceMoved(`the schema of the SQLite file has changed again while ${table.name} was read`, error);
    }
  };

function targetOf(before: Plan, { plan, changes }: Evolution) {
  const lines = changeLines(changes);
  const refused = (plan.unplanned ?? []).filter(({ name }) => !before.unplanned?.some(known => known.name === name));
  return {
    plan,
    statements: changeDdl(plan, changes),
    created: changes.flatMap(change => (change.kind === 'create-table' ? change.table : [])),
    dropped: changes.flatMap(change => (change.kind === 'drop-table' ? change.table : [])),
    lines: [...lines, ...refused.map(({ name, reason }) => `table ${name} is not replicated: ${reason}`)],
  };
}

function report({ engine, plan: before }: Installed, { plan, findings, whole }: Evolution, lines: readonly string[]): void {
  const known = new Set(before.unplanned?.map(({ name }) => name));
  for (const { name, reason } of plan.unplanned ?? []) if (!known.has(name)) engine.log.error({ table: name, reason }, 'not replicated');
  for (const { code, table, column, message } of findings.filter(({ level }) => level === 'warning'))
    engine.log.warn({ code, table, column }, message);
  const again = plan.tables.filter(({ id }) => whole.includes(id)).map(({ name }) => name);
  engine.log.info({ changes: lines, copiedAgain: again }, 'followed the schema of the SQLite file');
}
