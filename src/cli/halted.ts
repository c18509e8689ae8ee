/* What is left behind, and who is told, when the daemon ends because only a person can help. */
import type { Logger } from 'pino';
import { messageOf, Refused, ReplicationError } from '../change/errors.ts';
import { readControl, setHalt } from '../postgres/installed/control.ts';
import type { Config } from './config.ts';
import type { Controller } from './engine/controller.ts';
import { hooksOf } from './engine/tell/hooking.ts';

/**
 * For `status`, and for whoever starts the daemon again: a supervisor may do that for ever. Resolves with whether it has ended so the last
 * time too. Best effort: the reason is on stderr as well.
 */
export async function rememberHalt({ engine }: Controller, error: unknown): Promise<boolean> {
  const { reason, hint } = explained(error);
  try {
    const before = (await readControl(engine.side))?.halt;
    await setHalt(engine.side, reason, hint);
    return before?.reason === reason;
  } catch (cause) {
    engine.log.warn({ err: cause }, 'halt not recorded');
    return false;
  }
}

function explained(error: unknown): { readonly reason: string; readonly hint: string } {
  if (error instanceof ReplicationError) return { reason: error.message, hint: error.hint };
  if (!(error instanceof Refused)) return { reason: messageOf(error), hint: 'run `attacca sync` again' };
  return { reason: `${error.message}: ${error.reasons}`, hint: error.blockers.map(({ remedy }) => remedy).join('; ') };
}

/** Tells whoever wants to know that this daemon ends; it was at work before. Postgres may be out of reach. */
export async function tellHalt(config: Config, log: Logger, env: NodeJS.ProcessEnv, error: unknown): Promise<void> {
  const hooks = hooksOf({ config, log, url: config.target ?? '', env, note: async () => undefined });
  hooks.after('on-halt', explained(error));
  await hooks.settled();
}

/** As long as `supervise` waits at most: what fails at once fails again, and is not over yet. */
const CALM_MS = 10_000;

/** Calls `work` in a while, unless it is disposed of before. */
export function afterAWhile(work: () => void): Disposable {
  const timer = setTimeout(work, CALM_MS);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
