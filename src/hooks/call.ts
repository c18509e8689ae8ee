import { send, shownAddress } from '../outside/request.ts';
import { run } from '../outside/run.ts';
import type { Hook } from './config.ts';

/** What a hook is told: plain values, no row value among them. */
export type HookFacts = Readonly<Record<string, string | number | null>>;

/** Calls a hook to its end. Throws an Error that says why it failed, without any secret. */
export async function callHook(hook: Hook, facts: HookFacts, env: NodeJS.ProcessEnv): Promise<void> {
  const { command, url, timeoutMs, ...request } = hook;
  if (command !== undefined) {
    await run({ argv: command, input: `${JSON.stringify(facts)}\n`, env: { ...env, ...variables(facts) }, timeoutMs, capture: false });
  } else if (url !== undefined) {
    const texts = Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, String(value ?? '')]));
    await send({ ...request, url }, 'POST', { facts: texts, env, timeoutMs, document: facts });
  }
}

/** The hook for people. */
export const hookName = ({ command, url = '' }: Hook): string => command?.[0] ?? shownAddress(url);

/** `pauseMs` becomes ATTACCA_PAUSE_MS. */
const variables = (facts: HookFacts): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [`ATTACCA_${name.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`, String(value ?? '')]),
  );
