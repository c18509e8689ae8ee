/* An application that writes to SQLite, a daemon that follows, and a reader in Postgres: how old is what the reader sees? */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { now } from './clock.ts';
import type { Arrived, MirrorReaderOptions } from './mirror-reader.ts';
import type { Committed, MirrorWriterOptions } from './mirror-writer.ts';
import { startDaemon } from './processes.ts';
import type { ReaderOptions, Seen } from './reader.ts';
import type { WriterOptions, Written } from './writer.ts';

export type Child<T> = { readonly done: Promise<T>; stop(): Promise<T> };

/** Starts a writing application. */
export const startWriter = (options: WriterOptions): Child<Written> => ({ ...childOf<Written>(start('writer', options)) });

/** Starts an application that writes to Postgres. */
export const startMirrorWriter = (options: MirrorWriterOptions): Child<Committed> => childOf<Committed>(start('mirror-writer', options));

const startReader = (options: ReaderOptions): Promise<Child<Seen>> => ready<Seen>('reader', options);

/** Starts a reader of the mirror, and resolves when it reads. */
export const startMirrorReader = (options: MirrorReaderOptions): Promise<Child<Arrived>> => ready<Arrived>('mirror-reader', options);

async function ready<T>(name: 'reader' | 'mirror-reader', options: object): Promise<Child<T>> {
  const child = start(name, options);
  await once(child, 'message');
  return childOf<T>(child);
}

const start = (name: 'writer' | 'reader' | 'mirror-writer' | 'mirror-reader', options: object): ChildProcess =>
  fork(new URL(`${name}.ts`, import.meta.url), [JSON.stringify(options)], { serialization: 'advanced' });

function childOf<T>(child: ChildProcess): Child<T> {
  const done = new Promise<T>((settle, fail) => {
    child.once('message', result => settle(result as T));
    child.once('exit', code => fail(new Error(`a child of the benchmark ended with ${code}`)));
  });
  return {
    done,
    async stop() {
      if (child.connected) child.send('stop');
      return await done;
    },
  };
}

/** Age in ms of each write when the reader saw it, with the moment of its commit in seconds since the first one. */
export type Ages = {
  readonly ages: readonly { readonly at: number; readonly ms: number }[];
  readonly written: Written;
  readonly drainSeconds: number;
};

const CATCH_UP_MS = 120_000;
const POLL_MS = 50;

/** Runs writer, daemon and reader together; `source` is replicated to `target` already. */
export async function follow(
  source: string,
  target: string,
  writing: { readonly perSecond: number; readonly seconds: number },
): Promise<Ages> {
  const daemon = startDaemon(source, target);
  const reader = await startReader({ target, pauseMs: writing.perSecond === 0 ? 5 : 0.2 });
  await warmUp(source, target);
  const written = await startWriter({ ...writing, source, updates: false }).done;
  const stopped = now();
  await visible(target, written.ids.at(-1) ?? 0);
  const drainSeconds = (now() - stopped) / 1_000;
  const seen = await reader.stop();
  await daemon.stop();
  return { ages: agesOf(written, seen), written, drainSeconds };
}

/** The daemon has started once a first write has come through. */
async function warmUp(source: string, target: string): Promise<void> {
  const { ids } = await startWriter({ source, perSecond: 20, seconds: 0.2, updates: false }).done;
  await visible(target, ids.at(-1) ?? 0);
}

async function visible(target: string, id: number): Promise<void> {
  const client = new Client({ connectionString: target });
  await client.connect();
  try {
    for (const deadline = now() + CATCH_UP_MS; ; await delay(POLL_MS)) {
      const { rows } = await client.query<{ id: string | null }>('select max(id)::text as id from events');
      if (Number(rows[0]?.id ?? 0) >= id) return;
      if (now() > deadline) throw new Error(`row ${id} did not arrive within ${CATCH_UP_MS / 1_000} s`);
    }
  } finally {
    await client.end();
  }
}

function agesOf(written: Written, seen: Seen): Ages['ages'] {
  const first = written.at[0] ?? 0;
  let next = 0;
  return written.ids.flatMap((id, index) => {
    while (next < seen.ids.length && (seen.ids[next] ?? 0) < id) next++;
    const [at, visibleAt] = [written.at[index] ?? 0, seen.at[next]];
    return visibleAt === undefined ? [] : [{ at: (at - first) / 1_000, ms: Math.max(0, visibleAt - at) }];
  });
}
