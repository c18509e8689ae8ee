import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Misfit } from '../../../change/change.ts';
import type { Lane } from '../../../replicate/snapshot.ts';
import { halt } from '../engine.ts';
import { unpacked } from '../failure.ts';
import type { LaneAnswer, LaneCall, LaneMessage, LaneOptions } from './copy-lane.ts';

const PROGRAM = new URL(import.meta.url.endsWith('.ts') ? './copy-lane.ts' : './copy-lane.js', import.meta.url);

/** What lives for long in a lane is little, and what it reads lies outside of its heap: V8 would spend 50 MB on garbage. */
const YOUNG_MB = 3;

type Answer<K> = Extract<LaneAnswer, { kind: K }>;

/**
 * Starts a thread for one lane of the first copy. Its calls reject with the errors that were thrown there. Disposing ends the
 * thread before its next step: what it has not written is rolled back by the server.
 */
export function startLane(options: LaneOptions, onMisfits: (table: number, misfits: readonly Misfit[]) => void): Lane & AsyncDisposable {
  const worker = new Worker(PROGRAM, { workerData: options, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
  let pending: PromiseWithResolvers<LaneAnswer> | undefined;
  let ended: Error | undefined;
  let table = 0;
  const end = (cause?: unknown): void => {
    ended ??= halt('a thread of the first copy has ended', 'start attacca again: it goes on at the chunk', cause);
    pending?.reject(ended);
  };
  worker.on('message', (answer: LaneAnswer) => pending?.resolve(answer));
  worker.on('error', end);
  worker.on('exit', () => end());

  async function ask<K extends LaneAnswer['kind']>(call: LaneCall, kind: K): Promise<Answer<K>> {
    if (ended !== undefined) throw ended;
    pending = Promise.withResolvers();
    worker.postMessage(call);
    const answer = await pending.promise;
    if (answer.kind === 'failed') throw unpacked(answer.failure);
    if (answer.kind !== kind) throw halt('a thread of the first copy answers another question', 'report this as a bug');
    return answer as Answer<K>;
  }

  return {
    async read(id, cursor, allowance) {
      table = id;
      return ask({ call: 'read', table, cursor, allowance }, 'read');
    },
    async copy() {
      await ask({ call: 'copy' }, 'copied');
    },
    async write() {
      const { rows, misfits } = await ask({ call: 'write' }, 'written');
      if (misfits.length > 0) onMisfits(table, misfits);
      return rows;
    },
    async [Symbol.asyncDispose]() {
      if (ended !== undefined) return;
      worker.postMessage({ call: 'end' } satisfies LaneMessage);
      await once(worker, 'exit');
    },
  };
}
