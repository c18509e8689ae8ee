/*
 * When hooks are called, and what follows from how they end.
 *
 * (1) A hook before a cutover is waited for, and one that fails refuses it; nothing has been fenced then.
 * (2) Every other one runs beside: nothing waits for it but the end of the process, and its failure is logged and stops nothing.
 * (3) The one that is called while writers wait is called from a thread that was there before.
 */
import type { Logger } from 'pino';
import type { Blocker } from '../../../change/errors.ts';
import { redact } from '../../../change/redact.ts';
import { VERSION } from '../../../change/version.ts';
import { callHook, type HookFacts, hookName } from '../../../hooks/call.ts';
import type { Hook, Point } from '../../../hooks/config.ts';

import type { Config } from '../../config.ts';
import { startBeside } from './beside.ts';

export type Hooks = {
  /** Why the hooks of `before-cutover` say no; they run one after the other. */
  before(facts: HookFacts): Promise<Blocker[]>;
  /** Whether there is one for `point`. */
  any(point: Point): boolean;
  /** Starts the hooks of `point` and returns. */
  after(point: Exclude<Point, 'before-cutover'>, facts: HookFacts | Promise<HookFacts>): void;
  /** Resolves when every hook that was started has ended, by itself or by its time limit; none can be called after it. */
  settled(): Promise<void>;
};

type Lent = {
  readonly config: Config;
  readonly log: Logger;
  readonly url: string;
  readonly env: NodeJS.ProcessEnv;
  /** Writes a line in the log of what was done. */
  readonly note: (event: string, detail: Readonly<Record<string, unknown>>) => Promise<void>;
};

/** The configured hooks. */
export function hooksOf({ config, log, url, env, note }: Lent): Hooks {
  const running = new Set<Promise<unknown>>();
  const beside = config.hooks['after-fence'].length > 0 ? startBeside() : undefined;

  /** Calls one hook and notes it; the reason if it failed. */
  async function call(point: Point, hook: Hook, facts: HookFacts): Promise<string | undefined> {
    const began = performance.now();
    const common = { hook: point, at: new Date().toISOString(), source: config.source, target: redact(url), version: VERSION };
    const carryOut = point === 'after-fence' && beside !== undefined ? beside.call : callHook;
    const failed = await carryOut(hook, { ...common, ...facts }, env).then(
      () => undefined,
      (error: Error) => error.message,
    );
    const ms = Math.round(performance.now() - began);
    const name = hookName(hook);
    if (failed === undefined) log.info({ hook: point, name, ms }, 'hook done');
    else log.error({ hook: point, name, ms, reason: failed }, 'hook failed');
    const detail = { name, ms, ...(failed === undefined ? {} : { reason: failed }) };
    await note(`hook ${point} ${failed === undefined ? 'done' : 'failed'}`, detail).catch(cause =>
      log.warn({ err: cause }, 'not noted in the log'),
    );
    return failed;
  }

  return {
    async before(facts) {
      const vetoes: Blocker[] = [];
      for (const hook of config.hooks['before-cutover']) {
        const reason = await call('before-cutover', hook, facts);
        if (reason !== undefined) vetoes.push(veto(reason));
      }
      return vetoes;
    },
    any: point => config.hooks[point].length > 0,
    after(point, facts) {
      for (const hook of config.hooks[point]) {
        const ends = Promise.resolve(facts)
          .then(known => call(point, hook, known))
          .catch(cause => log.error({ err: cause, hook: point }, 'hook not called'))
          .finally(() => running.delete(ends));
        running.add(ends);
      }
    },
    async settled() {
      await Promise.all(running);
      await beside?.[Symbol.asyncDispose]();
    },
  };
}

const veto = (reason: string): Blocker => ({
  code: 'hook',
  reason: `before-cutover: ${reason}`,
  remedy: 'a cutover begins only when this hook succeeds: see what it checks, or take it out of the configuration',
});
