import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Account, InstanceOptions, Kind, Message } from './instance.ts';

export type Fleet = AsyncDisposable & {
  /** Ask before a switch to `side`: resolves when every obedient writer has crossed, and who knows only the other side was refused. */
  crossing(side: 'sqlite' | 'postgres'): Promise<void>;
  /** Every instance ends what it is doing and says what it was told; then it waits. */
  pause(): Promise<readonly (Account & { readonly kind: Kind; readonly writer: number })[]>;
  resume(): void;
};

/** One process for each of `kinds`, numbered from 1; resolves when each has done its first transaction or been refused it. */
export async function startFleet(kinds: readonly Kind[], options: Omit<InstanceOptions, 'kind' | 'writer'>): Promise<Fleet> {
  const program = new URL('./instance.ts', import.meta.url);
  const instances = kinds.map((kind, index) => {
    const given: InstanceOptions = { ...options, kind, writer: index + 1, everyMs: paceOf(kind, options.everyMs) };
    return { kind, writer: index + 1, child: fork(program, [JSON.stringify(given)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }) };
  });
  await Promise.all(instances.map(({ child }) => told(child, 'ready')));
  return {
    async crossing(side) {
      const shut: Kind = side === 'postgres' ? 'sqlite' : 'postgres';
      const awaited = instances.flatMap(({ kind, child }) => {
        if (kind === 'obedient') return [told(child, 'crossed')];
        return kind === shut ? [told(child, 'refused')] : [];
      });
      await Promise.all(awaited);
    },
    async pause() {
      const accounts = instances.map(async ({ kind, writer, child }) => {
        const message = await told(child, 'account');
        return { ...(message.event === 'account' ? message.account : nothing), kind, writer };
      });
      for (const { child } of instances) child.send('pause');
      return await Promise.all(accounts);
    },
    resume() {
      for (const { child } of instances) child.send('resume');
    },
    async [Symbol.asyncDispose]() {
      for (const { child } of instances) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }
    },
  };
}

const nothing: Account = { acknowledged: 0, refused: 0, gaps: [], violations: [] };

/** Those who are refused for half of the time must not use up the machine with asking. */
const paceOf = (kind: Kind, everyMs: number): number => (kind === 'obedient' ? everyMs : Math.max(everyMs, 40));

/** The next message of this kind; rejects when the instance ends before. */
function told(child: ChildProcess, event: Message['event']): Promise<Message> {
  return new Promise((resolve, reject) => {
    const listen = (message: Message): void => {
      if (message.event !== event) return;
      child.off('message', listen);
      child.off('exit', ended);
      resolve(message);
    };
    const ended = (): void => reject(new Error('an instance ended'));
    child.on('message', listen);
    child.once('exit', ended);
  });
}
