/*
 * The night in advance, on a copy: the same controller and the same operations as the daemon's, one after the other.
 *
 * (1) What would be refused on the night is refused here, by the same gate.
 * (2) Nothing of the application's is invented: what Postgres writes while it is primary are rows as they are.
 * (3) However it ends, Postgres is left as it was found. What a rehearsal that was killed has left there is known by the copy's path.
 */
import type { Logger } from 'pino';
import { messageOf, Refused } from '../../../change/errors.ts';
import type { Finding } from '../../../plan/finding.ts';
import type { Plan } from '../../../plan/plan.ts';
import { rewriteRows } from '../../../postgres/apply/rewrite.ts';
import { readControl } from '../../../postgres/installed/control.ts';
import { hasCompat, uninstallPostgres } from '../../../postgres/installed/install.ts';
import { connect, type Session } from '../../../postgres/session/open.ts';
import type { RehearsalDocument, StatusDocument } from '../../../server/documents.ts';
import type { Operations, Progress } from '../../../server/operations.ts';
import type { Config } from '../../config.ts';
import type { Controller } from '../controller.ts';
import { ensurePlan, examine } from '../decide/bootstrap.ts';
import { type Around, installed, openEngine } from '../engine.ts';
import { controller } from '../run/controlling.ts';
import { operations } from '../run/operations.ts';
import type { Stage } from './stage.ts';

/** `target`: a database that is to be used instead of a server on the stage. */
export type Lent = {
  readonly target: string | undefined;
  readonly log: Logger;
  readonly around: Around;
  readonly say: Progress;
  readonly signal: AbortSignal;
};

/** What has been found so far, also by one that was refused in the middle. */
export type Walked = { -readonly [K in keyof Omit<RehearsalDocument, 'ok' | 'source' | 'target'>]: RehearsalDocument[K] };

/** Walks until the end, or until something stands in the way. Throws what is not a refusal. */
export async function walk(stage: Stage, lent: Lent): Promise<Walked> {
  const found: Walked = {
    rows: 0,
    steps: [],
    rowsPerSecond: 0,
    pauseMs: { cutover: null, rollback: null },
    differences: 0,
    samples: [],
    findings: [],
    blockers: [],
  };
  try {
    await act(stage, lent, found);
  } catch (error) {
    if (!(error instanceof Refused) || error.blockers.length === 0) throw error;
    found.blockers = [...error.blockers];
  }
  return found;
}

async function act(stage: Stage, lent: Lent, found: Walked): Promise<void> {
  const { log, around, say, signal } = lent;
  const came = performance.now();
  const decided = await examine(stage.config, log, signal);
  const examined = performance.now() - came;
  found.findings.push(...warnings(decided.findings));
  signal.throwIfAborted();
  const url = lent.target ?? (await stage.server());
  const config = { ...stage.config, target: url };
  await using engine = await openEngine(config, log, 'rehearse', around);
  await using _made = { [Symbol.asyncDispose]: async () => (lent.target === undefined ? undefined : await leave(config, url, say)) };
  await clear(engine.main, config);
  if (lent.target !== undefined) await refuseCompat(engine.main, decided.plan);
  const own = controller(engine);
  const ended = new AbortController();
  const over = AbortSignal.any([signal, ended.signal]);
  const ops = operations(own, { since: new Date() }, () => ended.abort());
  const began = performance.now();
  found.findings.push(...warnings(await ensurePlan(engine, signal, decided)));
  const running = own.run(over, () => undefined);
  running.catch(() => undefined); // `caughtUp` reports it
  try {
    await own.caughtUp();
    copied(own, found, examined + performance.now() - began);
    found.findings.push(...misfits(await ops.status()));
    await thereAndBack(own, ops, { say, signal }, found);
  } finally {
    ended.abort();
    await running.catch(() => undefined);
  }
}

/** From the first copy's end to the day on which nothing of attacca is left; ends where the sides differ. */
async function thereAndBack(own: Controller, ops: Operations, { say, signal }: Pick<Lent, 'say' | 'signal'>, found: Walked): Promise<void> {
  async function step<T>(name: Walked['steps'][number]['name'], work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const began = performance.now();
    const done = await work();
    found.steps.push({ name, seconds: seconds(performance.now() - began) });
    return done;
  }
  async function equal(name: 'verify' | 'verify-back'): Promise<boolean> {
    const { ok, rows, differences, objects, tables } = await step(name, () => ops.verify({ tables: [], repair: false }, say));
    found.rows = rows;
    found.differences = differences + objects.length;
    found.samples = tables.flatMap(({ samples }) => samples);
    for (const { kind, table, name, problem, detail } of objects) say(`${kind} ${name} of ${table}: ${problem} ${detail}`);
    return ok;
  }
  async function turn(direction: 'cutover' | 'rollback'): Promise<void> {
    const { pauseMs } = await step(direction, () => ops.switch(direction, { dryRun: false, maxPauseMs: undefined }, say));
    found.pauseMs[direction] = pauseMs;
    await own.caughtUp();
  }
  if (!(await equal('verify'))) return;
  await turn('cutover');
  say('writing in PostgreSQL, and waiting until it is in SQLite');
  await write(own);
  await turn('rollback');
  if (!(await equal('verify-back'))) return;
  await ops.uninstall({ keepTarget: false }, say);
}

/** As an application does it, on a session that the fence knows nothing of. */
async function write(own: Controller): Promise<void> {
  const { engine, plan } = await installed(own.engine);
  await using session = await connect(engine.url, { applicationName: 'attacca rehearse' });
  await rewriteRows(session, plan);
  await own.caughtUp();
}

/** What is taken away is known by where it was copied from: nothing of anybody else's has that path. */
async function clear(session: Session, { source }: Config): Promise<void> {
  if ((await readControl(session))?.source === source) await uninstallPostgres(session, { keepTables: false });
}

/** The engine's own connection may have been lost. */
async function leave(config: Config, url: string, say: Progress): Promise<void> {
  try {
    await using session = await connect(url, { applicationName: 'attacca rehearse' });
    await clear(session, config);
  } catch (error) {
    say(`what the rehearsal has made in Postgres is still there: ${messageOf(error)}; the next one with this --target removes it`);
  }
}

async function refuseCompat(session: Session, { compat = [] }: Plan): Promise<void> {
  if (compat.length === 0 || !(await hasCompat(session))) return;
  const reason = 'a schema named sqlite_compat exists: an application may use the functions in it, which go with a rehearsal';
  throw new Refused('the target is not empty', [{ code: 'target-not-empty', reason, remedy: 'use an empty database' }]);
}

function copied(own: Controller, found: Walked, ms: number): void {
  const { rows, seconds: took } = own.copied() ?? { rows: 0, seconds: 0 };
  found.steps.push({ name: 'copy', seconds: seconds(ms) });
  found.rows = rows;
  found.rowsPerSecond = took === 0 ? 0 : Math.round(rows / took);
}

const seconds = (ms: number): number => Math.round(ms / 10) / 100;

const warnings = (findings: readonly Finding[]): Walked['findings'] =>
  findings.filter(({ level }) => level === 'warning').map(({ code, table, column, message }) => ({ code, table, column, message }));

/** The gate only says how many there are, and after the rehearsal nobody can list them. */
const misfits = (status: StatusDocument): Walked['findings'] =>
  (status.misfits ?? []).map(({ table, column, rows, reason }) => ({
    code: 'quarantine',
    table,
    column: column === '' ? null : column,
    message: `${rows} rows do not fit: ${reason}`,
  }));
