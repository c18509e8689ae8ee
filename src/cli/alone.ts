/*
 * What a command does itself where no daemon runs: the same work, as the one controller, for as long as it takes; or it only looks.
 * Loaded then: whoever has a daemon to ask waits for nothing but its answer.
 */
import pino from 'pino';
import { actor } from '../change/actor.ts';
import { isTransient, ReplicationError } from '../change/errors.ts';
import { preflight } from '../postgres/gate/preflight.ts';
import { readControl } from '../postgres/installed/control.ts';
import type { Session } from '../postgres/session/open.ts';
import { perform } from '../server/answer.ts';
import type { Call } from '../server/calls.ts';
import type { Progress } from '../server/operations.ts';
import { hasState } from '../server/socket.ts';
import { finished, readFileControl, wasFinished } from '../sqlite/capture/control.ts';
import { traceless } from '../sqlite/file/traces.ts';
import { openSource } from '../sqlite/open.ts';
import type { Config } from './config.ts';
import { connectFor, hasDatabase, notInstalled, refuseUnnamedTarget } from './engine/captured.ts';
import { findTarget, identityOf, installed, openEngine, refuseOlder, refuseOtherSource, stopUnused } from './engine/engine.ts';
import { widenTables } from './engine/forward/widening.ts';
import { exportAudit } from './engine/keep/auditing.ts';
import { hasEmbedded } from './engine/keep/gone.ts';
import { type Left, removeCapture, removeState } from './engine/keep/removal.ts';
import { reachedBy } from './engine/points.ts';
import { controller } from './engine/run/controlling.ts';
import { FINISHED, operations } from './engine/run/operations.ts';
import { beginResync, endResync } from './engine/run/resync.ts';
import { flagWithoutPostgres } from './engine/tell/flag.ts';

type Lone = { readonly say: Progress; readonly env: NodeJS.ProcessEnv };

/** Carries out `call`, and removes what an end of the installation leaves. */
export async function alone(config: Config, call: Call, lone: Lone): Promise<unknown> {
  let left: Left | undefined;
  const document = await asController(config, call, lone, what => {
    left = what;
  });
  await removeState(config, left);
  return document;
}

/** What `read` needs of the target. */
export type Looked = { readonly config: Config; readonly side: Session; readonly url: string };

/** What `read` finds, without becoming the controller. */
export async function lookAlone<T>(config: Config, operation: Call['operation'], read: (there: Looked) => Promise<T>): Promise<T> {
  using _traces = traceless(config.source);
  refuseNeverInstalled(config, operation);
  const { url, embedded } = await findTarget(config);
  try {
    await using side = await connectFor(config.source, url, { applicationName: `attacca ${operation}` });
    await refuseOlder(side);
    const control = await readControl(side);
    if (control === undefined) throw notInstalled(config.source, identityOf({ facts: await preflight(side, config.schema) }));
    refuseOtherSource(control, config.source);
    return await read({ config, side, url });
  } finally {
    await stopUnused(url, embedded);
  }
}

/** What can be done where the pipe has halted. */
const STANDING: ReadonlySet<Call['operation']> = new Set(['switch', 'finish']);

/** No target was named, and there is no embedded one beside the source: there cannot be an installation. */
export const neverInstalled = (config: Config): boolean => config.target === undefined && !hasState(config.source);

/**
 * Nothing is started for a source that cannot be read or was never installed: not even the embedded server. `untargeted`: what is asked for needs
 * no target where the file is captured, because its target may be gone, or only a daemon can do it.
 */
export function refuseNeverInstalled(config: Config, operation: Call['operation'], untargeted = operation === 'uninstall'): void {
  using _traces = traceless(config.source);
  using db = openSource(config.source, { readonly: true });
  if (operation === 'uninstall' && wasFinished(db)) throw finished();
  if (!neverInstalled(config) || (untargeted && readFileControl(db) !== undefined)) return;
  refuseUnnamedTarget(config.source);
  throw notInstalled(config.source);
}

async function asController(config: Config, call: Call, { say, env }: Lone, ended: (left: Left) => void): Promise<unknown> {
  const log = pino({ level: 'silent' });
  using _traces = traceless(config.source);
  refuseNeverInstalled(config, call.operation);
  if (call.operation === 'uninstall' && !(config.target === undefined ? hasEmbedded(config.source) : await hasDatabase(config.target))) {
    const done = await removeCapture(config, call.audit, say);
    flagWithoutPostgres(config, env).tidy?.();
    ended({ keepTarget: call.keepTarget });
    return done;
  }
  await using engine = await openEngine(config, log, call.operation, { env, reached: reachedBy(env) });
  const own = controller(engine);
  const stop = new AbortController();
  const ops = operations(own, { since: new Date() }, left => {
    ended(left);
    stop.abort();
  });
  if (call.operation === 'uninstall') return await perform(ops, call, say, actor(env));
  const { control } = await installed(engine);
  if (call.operation === 'finish' && control.phase === 'finished') {
    await exportAudit(engine, call.audit);
    await own.run(stop.signal, () => undefined); // an earlier one was interrupted: this ends it
    ended({ keepTarget: true });
    return FINISHED;
  }
  // Before anything reads the journal, which may be the reason for it.
  const again = call.operation === 'resync' ? await beginResync(engine, call.tables, say) : undefined;
  if (call.operation === 'widen' && call.tables.length > 0) return await widenTables(own, call.tables, say);
  const running = own.run(stop.signal, () => undefined);
  running.catch(() => undefined); // `caughtUp` reports it
  try {
    if (again !== undefined) return await endResync(own, again);
    say('no daemon runs: catching up first');
    try {
      await own.caughtUp();
    } catch (error) {
      // A switch is refused with everything that stands in its way, and who gives up the way back needs no mirror.
      if (!STANDING.has(call.operation) || isTransient(error) || !(error instanceof ReplicationError)) throw error;
    }
    return await perform(ops, call, say, actor(env));
  } finally {
    stop.abort();
    await running.catch(() => undefined);
  }
}
