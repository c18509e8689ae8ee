import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { TellerOptions } from './teller.ts';

export type Tellers = AsyncDisposable & {
  /** Stops writing; resolves with the transactions acknowledged by each writer. */
  pause(): Promise<ReadonlyMap<number, number>>;
  resume(): void;
};

/** `count` processes that write to the bank through attacca/client, on whichever side is primary. */
export async function startTellers(count: number, options: Omit<TellerOptions, 'writer'>): Promise<Tellers> {
  const program = new URL('./teller.ts', import.meta.url);
  const children = Array.from({ length: count }, (_, index) =>
    fork(program, [JSON.stringify({ ...options, writer: index + 1 })], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
  );
  await Promise.all(children.map(child => answer(child)));
  return {
    async pause() {
      const answers = children.map(answer);
      for (const child of children) child.send('pause');
      const counts = await Promise.all(answers);
      return new Map(counts.map((message, index) => [index + 1, message.paused ?? 0]));
    },
    resume() {
      for (const child of children) child.send('resume');
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) {
        if (child.exitCode !== null) continue;
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }
    },
  };
}

async function answer(child: ChildProcess): Promise<{ readonly paused?: number }> {
  const over = new AbortController();
  const ended = (): void => over.abort(new Error('a writer ended'));
  child.once('exit', ended);
  const [message] = await once(child, 'message', { signal: over.signal });
  child.off('exit', ended);
  return message as { readonly paused?: number };
}
