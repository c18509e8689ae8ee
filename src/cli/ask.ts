/*
 * A command asks the daemon; where none runs it does the same work itself, as the one controller, for as long as it takes.
 */
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import type { z } from 'zod';
import { actor } from '../change/actor.ts';
import { isTransient, Refused, ReplicationError } from '../change/errors.ts';
import { readControl } from '../postgres/control.ts';
import { connect, type Session } from '../postgres/open.ts';
import { callDaemon, targetOf } from '../server/call.ts';
import { type Call, perform } from '../server/calls.ts';
import type { Progress } from '../server/operations.ts';
import { hasState } from '../server/socket.ts';
import { finished, readFileControl, wasFinished } from '../sqlite/install.ts';
import { openSource } from '../sqlite/open.ts';
import { progressBar } from './bar.ts';
import type { Config } from './config.ts';
import { controller } from './engine/controller.ts';
import {
  findTarget,
  installed,
  notInstalled,
  openEngine,
  refuseOlder,
  refuseOtherSource,
  refuseUnnamedTarget,
  stopUnused,
} from './engine/engine.ts';
import { exportAudit } from './engine/keep/auditing.ts';
import { refuseNamedTarget } from './engine/keep/named-target.ts';
import { hasEmbedded, type Left, removeCapture, removeState } from './engine/keep/removal.ts';
import { FINISHED, operations } from './engine/operations.ts';
import { reachedBy } from './engine/points.ts';
import { beginResync, endResync } from './engine/resync.ts';
import { flagWithoutPostgres } from './engine/tell/flag.ts';
import { widenTables } from './engine/widening.ts';
import type { Context } from './main.ts';
import { patient } from './patience.ts';
import type { Output } from './report.ts';

export type Answer<T> = { readonly document: T; readonly daemon: boolean };

/** Carries out `call`; the answer is checked against the document's schema. */
export async function ask<T>(context: Context, call: Call, schema: z.ZodType<T>): Promise<Answer<T>> {
  const config = context.config();
  using bar = progressBar(context.output);
  const { say } = bar;
  const answered = await asked(config, call, say, actor(context.env));
  if (answered !== undefined) return { document: schema.parse(answered.result), daemon: true };
  let left: Left | undefined;
  const ended = (what: Left): void => {
    left = what;
  };
  const document = schema.parse(await alone(config, call, { say, env: context.env, ended }));
  await removeState(config, left);
  return { document, daemon: false };
}

/** As `callDaemon`, of one with the target that was named, and not without a word where that takes long. */
async function asked(config: Config, call: Call, progress: Progress, by: string): ReturnType<typeof callDaemon> {
  using patience = patient(progress);
  await refuseNamedTarget(config, call);
  return await callDaemon(config.source, call, patience.say, by);
}

/** Asks the daemon what only it can do; between two lives it has no socket. Throws Refused where none answers: `without` says why that matters, and what to do. */
export async function askDaemon<T>(
  context: Context,
  call: Call,
  schema: z.ZodType<T>,
  without: { readonly reason: string; readonly remedy: string },
): Promise<T> {
  const config = context.config();
  using bar = progressBar(context.output);
  const answered = await asked(config, call, bar.say, actor(context.env));
  if (answered !== undefined) return schema.parse(answered.result);
  refuseNeverInstalled(config, call.operation);
  throw new Refused('no daemon answers for this file: none runs, or it waits for Postgres, as its log says then', [
    { code: 'no-daemon', ...without },
  ]);
}

const GONE_MS = 20_000;

/** Waits until the daemon has taken its folder away, which it does when it ends after `finish` and `uninstall`; unless it is to stay. */
export async function gone({ source, target }: Config): Promise<void> {
  if (target !== undefined && hasEmbedded(source)) return;
  for (const deadline = performance.now() + GONE_MS; hasState(source) && performance.now() < deadline; ) await delay(20);
}

/** Where the log is to be written: the daemon has another working directory. */
export const exported = (audit: string | undefined) => (audit === undefined ? {} : { audit: resolve(audit) });

/** What `read` needs of the target. */
export type Looked = { readonly config: Config; readonly side: Session; readonly url: string };

/** Whoever only looks does not wait longer for a daemon that is hung. */
const HUNG_MS = 20_000;

/** Asks the daemon, or looks for itself without becoming the controller. */
export async function look<T>(
  context: Pick<Context, 'config' | 'output'>,
  call: Call,
  schema: z.ZodType<T>,
  read: (there: Looked) => Promise<T>,
): Promise<T> {
  const config = context.config();
  const answered = await looked(config, call, context.output);
  if (answered !== undefined) return schema.parse(answered.result);
  refuseNeverInstalled(config, call.operation);
  const { url, embedded } = await findTarget(config);
  try {
    await using side = await connect(url, { applicationName: `attacca ${call.operation}` });
    await refuseOlder(side);
    const control = await readControl(side);
    if (control === undefined) throw notInstalled({ config });
    refuseOtherSource(control, config.source);
    return await read({ config, side, url });
  } finally {
    await stopUnused(url, embedded);
  }
}

async function looked({ source }: Config, call: Call, output: Output): ReturnType<typeof callDaemon> {
  using bar = progressBar(output);
  using patience = patient(bar.say);
  return (await targetOf(source, HUNG_MS)) === undefined ? undefined : await callDaemon(source, call, patience.say);
}

/** What can be done where the pipe has halted. */
const STANDING: ReadonlySet<Call['operation']> = new Set(['switch', 'finish']);

/** No target was named, and there is no embedded one beside the source: there cannot be an installation. */
export const neverInstalled = (config: Config): boolean => config.target === undefined && !hasState(config.source);

/** Nothing is started for a source that cannot be read or was never installed: not even the embedded server. */
function refuseNeverInstalled(config: Config, operation: Call['operation']): void {
  using db = openSource(config.source, { readonly: true });
  if (operation === 'uninstall' && wasFinished(db)) throw finished();
  // Where its target is gone, capture can still be taken out of the file.
  if (!neverInstalled(config) || (operation === 'uninstall' && readFileControl(db) !== undefined)) return;
  refuseUnnamedTarget(config.source);
  throw notInstalled({ config });
}

type Lone = { readonly say: Progress; readonly env: NodeJS.ProcessEnv; readonly ended: (left: Left) => void };

async function alone(config: Config, call: Call, { say, env, ended }: Lone): Promise<unknown> {
  const log = pino({ level: 'silent' });
  refuseNeverInstalled(config, call.operation);
  if (call.operation === 'uninstall' && config.target === undefined && !hasEmbedded(config.source)) {
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
