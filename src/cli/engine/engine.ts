/*
 * What a controller holds while it lives: the target, the one lock, two sessions, the flag. Opened by `sync`, and by every other
 * command that finds no daemon to ask.
 *
 * (1) `main` holds the advisory lock, and everything that must stop when the lock is lost runs on it: apply, phases.
 * (2) `side` is for looking and for bookkeeping; it never writes a replicated table.
 */
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { type Blocker, Refused, ReplicationError } from '../../change/errors.ts';
import { redact } from '../../change/redact.ts';
import { shellWord } from '../../change/shell.ts';
import type { FlagProvider } from '../../flag/flag.ts';
import type { Plan, TablePlan } from '../../plan/plan.ts';
import type { OnQuarantine } from '../../postgres/apply/writes.ts';
import { known } from '../../postgres/embedded/data-dir.ts';
import { type Embedded, startEmbedded } from '../../postgres/embedded/embedded.ts';
import { transactionPooler } from '../../postgres/gate/pooler.ts';
import { type Preflight, preflight } from '../../postgres/gate/preflight.ts';
import { audit } from '../../postgres/installed/audit.ts';
import { acquire, type Control, readControl } from '../../postgres/installed/control.ts';
import { holdsTables } from '../../postgres/installed/install.ts';
import { missingParts } from '../../postgres/installed/older.ts';
import { connect, type Session, type Writer } from '../../postgres/session/open.ts';
import { type Dial, dialOf } from '../../replicate/pace.ts';
import { privateFolder, rehearsedAt, stateFolder } from '../../server/socket.ts';
import { fileControlAt, hasFence } from '../../sqlite/capture/control.ts';
import { openSource } from '../../sqlite/open.ts';
import type { Config } from '../config.ts';
import { connectFor, notInstalled, refuseUnnamedTarget } from './captured.ts';
import { type Reached, watched } from './points.ts';
import { alarm } from './tell/alarm.ts';
import { type Alerts, alertsOf } from './tell/alerts.ts';
import { flagOf } from './tell/flag.ts';
import { type Hooks, hooksOf } from './tell/hooking.ts';

export type Engine = AsyncDisposable & {
  readonly config: Config;
  readonly log: Logger;
  readonly url: string;
  readonly embedded: Embedded | undefined;
  readonly main: Session;
  readonly side: Session;
  readonly facts: Preflight;
  readonly flag: FlagProvider;
  readonly hooks: Hooks;
  /** How fast the first copy goes; commands turn it. */
  readonly throttle: Dial;
  readonly alerts: Alerts;
  /** Only in tests: where this process is to die. */
  readonly reached: Reached | undefined;
};

/** An engine with an installation: there is a plan, a control row, and a token that the fence lets through. */
export type Installed = {
  readonly engine: Engine;
  readonly plan: Plan;
  readonly install: string;
  readonly writer: Writer;
  readonly onQuarantine: OnQuarantine;
};

/** The same with the control row as it stands. */
export type Standing = Installed & { readonly control: Control };

/** What the process that opens it lends. */
export type Around = {
  readonly env: NodeJS.ProcessEnv;
  readonly throttle?: Dial | undefined;
  readonly alerts?: Alerts | undefined;
  readonly reached?: Reached | undefined;
};

/** Opens everything and becomes the one controller. Throws Refused, naming the other one, if there is one already. */
export async function openEngine(config: Config, log: Logger, as: string, around: Around): Promise<Engine> {
  const { env, throttle = dialFor(config), alerts = alertsOf(), reached } = around;
  openSource(config.source).close();
  const { url, embedded } = await findTarget(config);
  const who = `${as} pid ${process.pid} on ${hostname()}`;
  const main = watched('main', await connectFor(config.source, url, { applicationName: `attacca ${who}`, pipelined: true }), reached);
  const opened = [main];
  try {
    const facts = await preflight(main, config.schema);
    refuse([...facts.blockers, ...(await transactionPooler(main, url))], url);
    await acquire(main, who);
    if (!LEAVING.has(as)) await refuseOlder(main);
    if (embedded !== undefined) await refuseForeign(main, config.source);
    const side = watched('side', await connect(url, { applicationName: `attacca side of ${who}` }), reached);
    opened.unshift(side);
    const flag = watched('flag', flagOf(config, { env, side, url }), reached);
    const hooks = hooksOf({ config, log, url, env, note: (event, detail) => audit(side, event, detail) });
    const engine = { config, log, url, embedded, main, side, facts, flag, hooks, throttle, alerts, reached };
    return { ...engine, [Symbol.asyncDispose]: () => close(engine, as) };
  } catch (error) {
    for (const session of opened) await session.end();
    await stopUnused(url, embedded);
    throw error;
  }
}

/** The throttle as it is configured. */
export const dialFor = ({ snapshot: { rowsPerSecond, nice, chunkRows } }: Config): Dial =>
  dialOf({ rowsPerSecond: rowsPerSecond ?? null, nice, chunkRows, paused: false });

/** What an older version has installed can still be given up. */
const LEAVING: ReadonlySet<string> = new Set(['uninstall', 'finish']);

/** Throws Refused where an older version of attacca made the installation. */
export async function refuseOlder(session: Session): Promise<void> {
  const parts = await missingParts(session);
  if (parts.length === 0) return;
  const lacking = parts.map(part => `attacca.${part}`).join(', ');
  const reason = `an older version of attacca made it, or somebody has dropped in Postgres what it needs: it lacks ${lacking}`;
  const remedy =
    'go on with the version that made it, or put back what was dropped; or end it, with `attacca uninstall`, or `attacca finish` where Postgres is primary, and begin anew';
  throw new Refused('the installation is not of this version', [{ code: 'older-version', reason, remedy }]);
}

/** Whoever ends stops the embedded server, or deletes it: another file's, or what was finished, must not be in it. */
async function refuseForeign(main: Session, source: string): Promise<void> {
  const control = await readControl(main);
  if (control !== undefined) refuseOtherSource(control, source);
  else if (await holdsTables(main)) throw occupied(stateFolder(source));
}

/** The configured target, or the embedded server beside the source. */
export async function findTarget(config: Config): Promise<{ url: string; embedded: Embedded | undefined }> {
  if (config.target !== undefined) return { url: config.target, embedded: undefined };
  if (known(stateFolder(config.source)) === undefined) refuseUnnamedTarget(config.source);
  privateFolder(stateFolder(config.source));
  const embedded = await startEmbedded(stateFolder(config.source));
  return { url: embedded.url, embedded };
}

/** Throws Refused where something of the target stands in the way. */
export function refuse(blockers: readonly Blocker[], url: string): void {
  if (blockers.length > 0) throw new Refused(`the target ${redact(url)} cannot be used`, blockers);
}

/**
 * The embedded server stops with the daemon, unless the application writes to it: then SQLite is fenced. A command stops only what
 * it started, and only if nobody else has come to use it.
 */
async function close(engine: Pick<Engine, 'config' | 'main' | 'side' | 'url' | 'embedded' | 'hooks'>, as: string): Promise<void> {
  await engine.hooks.settled();
  await engine.side.end();
  await engine.main.end();
  if (engine.embedded === undefined) return;
  try {
    using db = openSource(engine.config.source, { readonly: true });
    if (hasFence(db)) return;
  } catch {
    return; // whatever keeps the file from being read is told by what ends
  }
  await (as === 'sync' ? engine.embedded.stop() : stopUnused(engine.url, engine.embedded));
}

const OTHERS = /* sql */ `select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`;

/** Stops a server that this process started, if nobody else is connected: a daemon may have found it running meanwhile. */
export async function stopUnused(url: string, embedded: Embedded | undefined): Promise<void> {
  if (embedded?.started !== true) return;
  const session = await connect(url, { applicationName: 'attacca' });
  const { rowCount } = await session.query(OTHERS);
  await session.end();
  if (rowCount === 0) await embedded.stop();
}

/** The control row of an installation. Throws Refused where there is none. */
export async function installed(engine: Engine): Promise<Standing> {
  const control = await readControl(engine.side);
  if (control === undefined) throw notInstalled(engine.config.source, identityOf(engine));
  refuseOtherSource(control, engine.config.source);
  const writer = { token: control.install, replicaRole: engine.facts.replicaRole };
  const onQuarantine = alarm(engine, control.plan);
  return { engine, plan: control.plan, install: control.install, writer, onQuarantine, control };
}

/** The tables of these names, as SQLite or Postgres calls them; all without names. Throws Refused for one that is not there. */
export function chosen(on: Pick<Installed, 'plan'>, names: readonly string[]): readonly TablePlan[] {
  if (names.length === 0) return on.plan.tables;
  return names.map(name => {
    const table = on.plan.tables.find(candidate => candidate.name === name || candidate.target === name);
    if (table === undefined) {
      throw new Refused(`there is no table ${name}`, [
        { code: 'no-such-table', reason: `the plan has no table ${name}`, remedy: 'names are in `attacca status`' },
      ]);
    }
    return table;
  });
}

/** Throws Refused where an installation replicates another file than `source`: whatever is done here would be done to that one. */
export function refuseOtherSource(control: Control, source: string): void {
  if (control.source !== source && !follows(source, control.install)) throw otherSource(control.source, source);
}

/** A file that was moved, or is reached by another path, is known by the installation's id in it. */
function follows(source: string, install: string): boolean {
  return fileControlAt(source)?.install === install;
}

function otherSource(theirs: string, ours: string): Refused {
  const rehearsed = rehearsedAt(theirs);
  const [reason, remedy] =
    rehearsed === undefined
      ? [`it replicates ${theirs}, not ${ours}`, 'use another database for this source, or give the source that it belongs to']
      : [
          `it holds what a rehearsal of ${rehearsed} has made, which is under way or was killed`,
          `\`attacca rehearse --source ${shellWord(rehearsed)}\` with this --target removes that before it begins; or use another database`,
        ];
  return new Refused('this target belongs to another source', [{ code: 'other-source', reason, remedy }]);
}

/** Which Postgres database this is: the file remembers it, so that two targets never share one journal. */
export const identityOf = (engine: Pick<Engine, 'facts'>): string => `${engine.facts.systemIdentifier}/${engine.facts.database}`;

const occupied = (folder: string): Refused =>
  new Refused('the embedded PostgreSQL is in use', [
    {
      code: 'target-not-empty',
      reason: `the one in ${folder} holds tables that were kept, or that are an application's since \`attacca finish\``,
      remedy: 'name another database with --target, or put the SQLite file in a folder of its own',
    },
  ]);

/** The target as people may see it. */
export const shown = (engine: Pick<Engine, 'url'>): string => redact(engine.url);

/** A failure that only a person can heal. */
export const halt = (message: string, hint: string, cause?: unknown): ReplicationError =>
  new ReplicationError('halt', message, { hint, cause });
