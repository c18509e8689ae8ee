/* The back-off of the first copy, with its eyes: an open connection and a file beside the application's. */
import { type FileHandle, open, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { backOff, LOOKS, p95 } from '../../../replicate/back-off.ts';
import { privateFolder, stateFolder } from '../../../server/socket.ts';
import { headMark } from '../../../sqlite/capture/marking.ts';
import { writeLatency } from '../../../sqlite/file/write-latency.ts';
import { isBusy, openSource } from '../../../sqlite/open.ts';

const LOOK_MS = 100;
/** An application that has not written for this many looks counts as idle. */
const IDLE_LOOKS = 10;

export type MakingWay = AsyncDisposable & {
  /** For how many times as long as they work the lanes are to rest. */
  readonly rest: number;
  /** How many of `lanes` may work: while the application writes, one core is left to it. */
  working(lanes: number): number;
  /** Looks at what writes meet until `signal` aborts. Begin it with the copy. */
  watch(signal: AbortSignal): Promise<void>;
};

/** Measures what writes meet before the copy. Call it while nothing is copied yet. */
export async function makingWay(source: string, log: Logger): Promise<MakingWay> {
  const db = openSource(source, { scan: true });
  db.pragma('busy_timeout = 0'); // waiting is done without blocking the event loop
  const file = await besideFile(source);
  const before: number[] = [];
  for (let n = 0; n < LOOKS; n++) before.push(await writeLatency(db, file));
  const back = backOff(before);

  let quiet = IDLE_LOOKS;
  async function look(): Promise<void> {
    const rested = back.rest;
    const busy = hasWritten();
    quiet = busy ? 0 : quiet + 1;
    back.heard(await writeLatency(db, file), busy);
    if (rested === 0 && back.rest > 0)
      log.info({ beforeMs: p95(before) }, 'the application’s writes have become slower: the copy makes way');
    if (rested > 0 && back.rest === 0) log.info('the copy goes at full speed again');
  }

  let seen = 0n;
  function hasWritten(): boolean {
    try {
      const { seq } = headMark(db);
      const moved = seq > seen;
      seen = seq;
      return moved;
    } catch (error) {
      if (isBusy(error)) return true; // it is writing just now
      throw error;
    }
  }

  return {
    get rest() {
      return back.rest;
    },
    working: lanes => (quiet < IDLE_LOOKS ? Math.min(lanes, Math.max(1, availableParallelism() - 1)) : lanes),
    async watch(signal) {
      hasWritten();
      while (!signal.aborted) {
        await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
        if (!signal.aborted) await look();
      }
    },
    async [Symbol.asyncDispose]() {
      await file.close();
      db.close();
    },
  };
}

/** On the application's disk; it has no name, so nothing is left behind however the process ends. */
async function besideFile(source: string): Promise<FileHandle> {
  const folder = stateFolder(source);
  privateFolder(folder);
  const path = join(folder, `probe-${process.pid}`);
  const file = await open(path, 'w', 0o600);
  await rm(path);
  return file;
}
