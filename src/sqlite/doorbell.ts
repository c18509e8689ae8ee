/*
 * Waits for commits by others. `PRAGMA data_version` is the truth; file events only make it be asked more often, because
 * an event comes before the commit is visible, and some file systems lose events.
 */
import { basename, dirname } from 'node:path';
import { watch } from 'chokidar';
import { fileAt, isBusy, openSource } from './open.ts';

const IDLE_MS = 10;
const BUSY_MS = 1;
/** After an event the version is polled quickly until it has been quiet for this long. */
const QUIET_MS = 100;

export type Doorbell = {
  /** Resolves when the file may have changed since the last call resolved, or when `signal` aborts. */
  wake(signal: AbortSignal): Promise<void>;
  [Symbol.dispose](): void;
};

/** Watches the SQLite file at `path`. The first `wake` resolves at once. Throws as `openSource` does. */
export function doorbell(path: string): Doorbell {
  const file = fileAt(path);
  const db = openSource(path);
  db.pragma('busy_timeout = 0');
  const version = db.prepare<[], bigint>('pragma data_version').pluck();
  const name = basename(path);
  const watcher = watch(dirname(path), {
    depth: 0,
    ignoreInitial: true,
    ignored: file => file !== dirname(path) && !basename(file).startsWith(name),
  });
  let seen: bigint | undefined;
  let quickUntil = 0;
  let ring = (): void => {};

  const notice = (): void => {
    quickUntil = performance.now() + QUIET_MS;
    ring();
  };
  watcher.on('all', notice);
  watcher.on('error', () => {}); // only an accelerator: without it the version is polled all the same

  const pause = (ms: number): Promise<void> =>
    new Promise(resolve => {
      const timer = setTimeout(resolve, ms);
      ring = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const current = (): bigint | undefined => {
    try {
      return version.get();
    } catch (error) {
      if (isBusy(error)) return seen; // a commit is under way: the next poll sees it
      throw error;
    }
  };

  return {
    async wake(signal) {
      const cancel = (): void => ring();
      signal.addEventListener('abort', cancel);
      for (; !signal.aborted; await pause(performance.now() < quickUntil ? BUSY_MS : IDLE_MS)) {
        const now = current();
        // Another file under this name rings at every call: commits to it would never show here.
        if (now === seen && fileAt(path) === file) continue;
        seen = now;
        quickUntil = performance.now() + QUIET_MS;
        break;
      }
      signal.removeEventListener('abort', cancel);
    },
    [Symbol.dispose]() {
      void watcher.close();
      db.close();
    },
  };
}
