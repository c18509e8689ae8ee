import { Worker } from 'node:worker_threads';
import type { callHook } from '../../../hooks/call.ts';
import type { HookAnswer, HookMessage } from './hook-thread.ts';

const PROGRAM = new URL(import.meta.url.endsWith('.ts') ? './hook-thread.ts' : './hook-thread.js', import.meta.url);

export type Beside = AsyncDisposable & {
  /** Calls a hook from another thread: here it costs a message. Rejects as the hook fails. */
  readonly call: typeof callHook;
};

/** Starts that thread, which keeps the process alive only while a hook is under way. */
export function startBeside(): Beside {
  const worker = new Worker(PROGRAM, { execArgv: [] });
  const waiting = new Map<number, PromiseWithResolvers<void>>();
  let calls = 0;
  worker.unref();
  worker.on('message', ({ id, failed }: HookAnswer) => {
    if (failed === undefined) waiting.get(id)?.resolve();
    else waiting.get(id)?.reject(new Error(failed));
    waiting.delete(id);
    if (waiting.size === 0) worker.unref();
  });
  worker.on('error', error => {
    for (const { reject } of waiting.values()) reject(error);
  });
  return {
    call(hook, facts, env) {
      const answer = Promise.withResolvers<void>();
      const id = ++calls;
      waiting.set(id, answer);
      worker.ref();
      worker.postMessage({ id, hook, facts, env: { ...env } } satisfies HookMessage);
      return answer.promise;
    },
    async [Symbol.asyncDispose]() {
      worker.postMessage(null satisfies HookMessage);
    },
  };
}
