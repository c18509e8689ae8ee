/*
 * The daemon. Restarts itself after failures that heal, halts with a reason on all others, and finishes the batch it is at when
 * told to stop.
 */
import pino, { type Logger } from 'pino';
import { isTransient, messageOf } from '../change/errors.ts';
import { clearHalt, readControl } from '../postgres/installed/control.ts';
import type { Dial } from '../replicate/pace.ts';
import { supervise } from '../replicate/supervise.ts';
import { refuseNeighbour } from '../server/call.ts';
import { listen } from '../server/control.ts';
import { SyncDocument } from '../server/documents.ts';
import { startWeb, type Web } from '../server/web/web.ts';
import { traceless } from '../sqlite/file/traces.ts';
import { neverInstalled } from './alone.ts';
import { progressBar } from './bar.ts';
import type { Config } from './config.ts';
import { atStart, atWork } from './disposition.ts';
import { notInstalled } from './engine/captured.ts';
import type { Controller } from './engine/controller.ts';
import { ensurePlan, examine } from './engine/decide/bootstrap.ts';
import { dialFor, type Engine, identityOf, openEngine, shown } from './engine/engine.ts';
import { outage } from './engine/forward/journal-cap.ts';
import { type Left, removeState } from './engine/keep/removal.ts';
import { type Reached, reachedBy } from './engine/points.ts';
import { rounds } from './engine/prove/rounds.ts';
import { controller } from './engine/run/controlling.ts';
import { operations } from './engine/run/operations.ts';
import { readStatus } from './engine/run/status.ts';
import { flagAfterLoss } from './engine/switch/accepted-loss.ts';
import { appointments } from './engine/switch/appointments.ts';
import { type Alerts, alertsOf, reasonOf } from './engine/tell/alerts.ts';
import { flagWithoutPostgres } from './engine/tell/flag.ts';
import { type Far, saying } from './engine/tell/reckoning.ts';
import { afterAWhile, rememberHalt, tellHalt } from './halted.ts';
import type { Context } from './main.ts';
import { EXIT, type Output, present } from './report.ts';
import { listenForSignals } from './signals.ts';

type Options = { readonly once?: boolean; readonly verbose?: boolean };

/** `attacca sync`: runs until SIGTERM or SIGINT, or with --once until caught up. */
export async function sync(context: Context, options: Options): Promise<number> {
  const config = context.config();
  const log = await logger(context.output, options.verbose === true);
  const stop = new AbortController();
  listenForSignals(stop, signal => log.info({ signal }, 'stopping')); // between two batches
  const since = new Date();
  const reached = reachedBy(context.env);
  const serves = config.http.enabled && options.once !== true;
  await using page = serves ? await startWeb(config.http) : undefined;
  if (page !== undefined) log.info({ url: page.url }, 'dashboard');
  const alerts = alertsOf();
  using _traces = traceless(config.source);
  const away = outage({ config, log, alerts, reached });
  const again = atWork(config.source);
  let started = false;
  let toldBefore = false;
  let last: SyncDocument | undefined;
  let left: Left | undefined;
  const known = {
    since,
    once: options.once === true,
    page,
    stop,
    env: context.env,
    throttle: dialFor(config), // what somebody has turned stays so for as long as the daemon runs, whatever it loses meanwhile
    alerts,
    reached,
    ended: (what: Left) => (left = what),
    haltedAgain: () => (toldBefore = true),
    again,
    lost: away.lost,
  };

  const running = supervise(
    async () => {
      try {
        await away.cap();
        await flagAfterLoss(config.source, flagWithoutPostgres(config, context.env), log);
        last = await session(config, log, { ...known, opened: () => (started = true) });
      } catch (error) {
        throw started ? again(error) : atStart(error);
      }
    },
    (error, waitMs) => {
      log.debug({ waitMs }, 'restarting');
      alerts.raise('restarts', reasonOf(error), () => log.warn({ err: error }, 'restarting until it works'));
      page?.waiting(messageOf(error));
    },
    stop.signal,
  );
  try {
    await running;
  } catch (error) {
    if (started && !toldBefore) await tellHalt(config, log, context.env, error);
    throw error;
  }
  await removeState(config, left);
  if (last !== undefined) {
    const { phase, rows, rowsPerSecond, target } = last;
    present(context.output, last, () => [`${phase}: ${rows} rows copied (${rowsPerSecond} rows/s) to ${target}`]);
  }
  return EXIT.done;
}

type Session = {
  readonly since: Date;
  readonly once: boolean;
  readonly page: Web | undefined;
  readonly stop: AbortController;
  readonly env: NodeJS.ProcessEnv;
  readonly throttle: Dial;
  readonly alerts: Alerts;
  readonly reached: Reached | undefined;
  readonly ended: (left: Left) => void;
  /** Called when it ends as it did the last time: who is to be told of that knows it. */
  readonly haltedAgain: () => void;
  /** What ends it, as what it is for a daemon that has worked. */
  readonly again: (error: unknown) => unknown;
  /** Called when there is an installation and this is its controller: from then on what heals is waited for. */
  readonly opened: () => void;
  /** Called when a connection to Postgres has ended. */
  readonly lost: () => void;
};

/** One life of the controller: nothing in memory outlives it. */
async function session(
  config: Config,
  log: Logger,
  { since, once, page, stop, env, throttle, alerts, reached, ended, haltedAgain, again, opened, lost }: Session,
): Promise<SyncDocument | undefined> {
  await refuseNeighbour(config.source);
  // The embedded server is only made for a file that can be replicated: a refusal leaves nothing behind.
  const decided = neverInstalled(config) ? await examine(config, log, stop.signal) : undefined;
  await using engine = await openEngine(config, log, 'sync', { env, throttle, alerts, reached });
  using _lost = { [Symbol.dispose]: lost };
  await ensurePlan(engine, stop.signal, decided);
  engine.flag.tidy?.(); // of a process that died near a switch: whoever follows the flag takes one to be near
  opened();
  using _works = afterAWhile(() => alerts.over('restarts', stood => log.info(stood, 'it works again')));
  const own = controller(engine);
  const enough = new AbortController();
  let removed = false;
  const ops = operations(own, { since, page }, left => {
    removed = true;
    ended(left);
    stop.abort();
  });
  await refuseNeighbour(config.source); // two may have started at once
  const target = shown(engine);
  await using _socket = await listen(ops, config.source, target);
  using _attended = page?.attend(ops);
  alerts.raise('controller', target, () => log.info({ target, embedded: engine.embedded !== undefined }, 'controller'));
  const over = AbortSignal.any([stop.signal, enough.signal]);
  const clear = (): Promise<void> => clearHalt(engine.side).catch(error => log.warn({ err: error }, 'halt not cleared'));
  let clearing: Disposable | undefined;
  const running = own.run(over, () => {
    clearing ??= afterAWhile(clear);
  });
  try {
    if (!once) {
      const beside = Promise.all([rounds(engine, ops, over), appointments(engine, ops, over)]);
      await running.finally(() => enough.abort());
      if (!stop.signal.aborted) ended({ keepTarget: true }); // a `finish` that a crash had interrupted
      await beside;
      if (stop.signal.aborted && !removed && clearing !== undefined) await clear();
      return undefined;
    }
    const report = await untilCaughtUp(own, running);
    enough.abort();
    await running;
    await clear();
    return report;
  } catch (thrown) {
    const error = again(thrown);
    if (stop.signal.aborted || isTransient(error)) throw error;
    if (await isGone(engine)) throw notInstalled(config.source, identityOf(engine));
    if (await rememberHalt(own, error)) haltedAgain();
    throw error;
  } finally {
    clearing?.[Symbol.dispose]();
  }
}

/** Somebody has dropped attacca's record, whatever failed first for want of it. */
const isGone = ({ side }: Engine): Promise<boolean> =>
  readControl(side).then(
    control => control === undefined,
    () => false,
  );

async function untilCaughtUp(own: Controller, running: Promise<void>): Promise<SyncDocument> {
  running.catch(() => undefined); // `caughtUp` reports it
  await own.caughtUp();
  const { phase } = await readStatus(own.engine, null, undefined);
  const { rows, seconds } = own.copied() ?? { rows: 0, seconds: 0 };
  return SyncDocument.parse({ phase, rows, rowsPerSecond: seconds === 0 ? 0 : Math.round(rows / seconds), target: shown(own.engine) });
}

/** JSON on stderr; readable lines where a person looks, and a bar for long work. */
async function logger(output: Output, verbose: boolean): Promise<Logger> {
  const level = output.quiet ? 'error' : verbose ? 'debug' : 'info';
  const redact = { paths: ['err.cause', 'err.hint'], remove: true };
  if (output.stderr.isTTY === true) {
    const { default: pretty } = await import('pino-pretty');
    const lines = pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' });
    const bar = progressBar(output);
    const write = (line: string): void => {
      const { msg, ...far } = JSON.parse(line) as { msg: string } & Far;
      if (far.etaSeconds !== undefined) saying(bar.say, msg)(far);
      else {
        bar.end();
        lines.write(line);
      }
    };
    return pino({ level, redact }, { write });
  }
  return pino({ level, redact }, pino.destination({ dest: 2, sync: true }));
}
