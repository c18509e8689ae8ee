/* The thread that calls hooks while writers wait: starting a process holds its thread up until the system has made it. */
import { parentPort } from 'node:worker_threads';
import { callHook, type HookFacts } from '../../../hooks/call.ts';
import type { Hook } from '../../../hooks/config.ts';

/** With no task in it: the thread is to end. */
export type HookMessage = HookTask | null;
export type HookTask = { readonly id: number; readonly hook: Hook; readonly facts: HookFacts; readonly env: NodeJS.ProcessEnv };
export type HookAnswer = { readonly id: number; readonly failed: string | undefined };

parentPort?.on('message', (message: HookMessage) => {
  if (message === null) process.exit(); // the thread alone
  const { id, hook, facts, env } = message;
  const tell = (failed: string | undefined): void => parentPort?.postMessage({ id, failed } satisfies HookAnswer);
  callHook(hook, facts, env).then(
    () => tell(undefined),
    (error: Error) => tell(error.message),
  );
});
