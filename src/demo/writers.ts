import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { FlagOptions } from '../client/client.ts';
import type { WriterMessage, WriterOptions } from './writer.ts';

const PROGRAM = new URL(import.meta.url.endsWith('.ts') ? './writer.ts' : './writer.js', import.meta.url);
const WRITES_PER_SECOND = 125;

export type Writers = AsyncDisposable & {
  /** Lets each finish what is in flight. Resolves with the paths of their ledgers; rejects if one of them failed. */
  stop(): Promise<readonly string[]>;
};

/** Starts `count` writer processes and resolves when each has had its first write acknowledged. */
export async function startWriters(options: {
  readonly count: number;
  readonly folder: string;
  readonly source: string;
  readonly target: string;
  readonly flag: FlagOptions;
}): Promise<Writers> {
  const { count, folder, source, target, flag } = options;
  const writers = Array.from({ length: count }, (_, index) => {
    const ledger = join(folder, `ledger-${index + 1}.ndjson`);
    return startWriter({ writer: index + 1, source, target, flag, ledger, writesPerSecond: WRITES_PER_SECOND });
  });
  await Promise.all(writers.map(writer => writer.ready));
  return {
    stop: () => Promise.all(writers.map(writer => writer.stop())),
    async [Symbol.asyncDispose]() {
      await Promise.all(writers.map(writer => writer.kill()));
    },
  };
}

function startWriter(options: WriterOptions) {
  const child = fork(PROGRAM, [JSON.stringify(options)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const exited = new Promise<number | null>(resolve => child.once('exit', resolve));
  const message = <K extends WriterMessage['kind']>(kind: K): Promise<Extract<WriterMessage, { kind: K }>> =>
    new Promise((resolve, reject) => {
      child.on('message', (received: WriterMessage) => {
        if (received.kind === kind) resolve(received as Extract<WriterMessage, { kind: K }>);
      });
      void exited.then(code => reject(new Error(`writer ${options.writer} ended with exit code ${code}`)));
    });
  const stopped = message('stopped');
  stopped.catch(() => undefined); // reported by `stop`
  return {
    ready: message('ready'),
    async stop(): Promise<string> {
      if (child.connected) child.send('stop');
      const { failed, error } = await stopped;
      if (failed > 0) throw new Error(`writer ${options.writer}: ${failed} writes failed: ${error}`);
      await exited;
      return options.ledger;
    },
    kill: () => end(child, exited),
  };
}

async function end(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  if (child.exitCode === null) child.kill('SIGKILL');
  await exited;
}
