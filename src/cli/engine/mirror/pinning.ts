/*
 * Stops the mirror exactly behind a watermark: whoever has written one into Postgres gets the moment in which the file holds just what
 * had been committed before it.
 */
import { once } from 'node:events';
import type { Batch, Lsn, RowChange } from '../../../change/change.ts';
import { PipeEnded, Refused, ReplicationError } from '../../../change/errors.ts';
import type { Sink } from '../../../change/ports.ts';

type Changes = AsyncIterable<RowChange>;

const ended = (): PipeEnded => new PipeEnded('the mirror stopped before both sides were at one state');
const late = (): ReplicationError =>
  new ReplicationError('retry', 'the mirror did not bring both sides to one state in time', {
    hint: '`attacca status` shows how far behind it is: run the command again when it has caught up',
  });

export type Pins = {
  readonly sink: Sink<Lsn, Changes>;
  /** Runs `begin` right after the transaction that brings the watermark `token` was applied; the pipe waits for it. */
  at<T>(token: string, begin: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Resolves when no batch is being applied. */
  idle(): Promise<unknown>;
};

type Marks = {
  readonly watermark: () => string | null;
  /** Hears of every watermark. */
  readonly arrived: (token: string) => void;
  /** Has Postgres look whether there is something to send. */
  readonly nudge: () => void;
  /** From then on nothing begins, */
  readonly quiet: AbortSignal;
  /** and from then on the pipe ends. */
  readonly stop: AbortSignal;
};

/**
 * How often, while a watermark is waited for. Some rollbacks of 2,000 got theirs only when the next report, of every 250 ms, reached Postgres's
 * sender: by its source (`WalSndWait`, 16 to 18) it may queue for being woken after it looked, and sleep over a commit in between.
 */
const NUDGE_MS = 5;

/**
 * A sink that can be stopped exactly behind a watermark. It begins nothing once `quiet` aborts: the pipe waits there until `stop` does, for
 * to end it takes milliseconds, and in those of a switch the application waits.
 */
export function pinning(sink: Sink<Lsn, Changes>, { watermark, arrived, nudge, quiet, stop }: Marks): Pins {
  const waiting = new Map<string, () => Promise<void>>();
  let newest: string | null = null;
  let applying: Promise<unknown> = Promise.resolve();
  const apply = async (batch: Batch<Lsn, Changes>): Promise<void> => {
    await sink.apply(batch);
    const token = watermark();
    if (token === null || token === newest) return;
    newest = token;
    arrived(token);
    await waiting.get(token)?.();
  };
  return {
    idle: () => applying,
    async at<T>(token: string, begin: () => Promise<T>, signal: AbortSignal): Promise<T> {
      const nudging = setInterval(nudge, NUDGE_MS);
      try {
        return await new Promise<T>((resolve, reject) => {
          const give = (): void => {
            waiting.delete(token);
            reject(signal.reason instanceof Refused ? signal.reason : quiet.aborted ? ended() : late());
          };
          if (signal.aborted) return give(); // an abort that was is announced to nobody
          signal.addEventListener('abort', give, { once: true });
          waiting.set(token, async () => {
            signal.removeEventListener('abort', give);
            waiting.delete(token);
            await begin().then(resolve, reject);
          });
        });
      } finally {
        clearInterval(nudging);
      }
    },
    sink: {
      checkpoint: () => sink.checkpoint(),
      async apply(batch) {
        if (quiet.aborted) return await until(stop);
        const work = apply(batch);
        applying = work.catch(() => undefined); // the pipe tells
        await work;
      },
    },
  };
}

/** Rejects once `signal` aborts. */
async function until(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}
