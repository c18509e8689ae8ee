/*
 * Waits for commits by others. `PRAGMA data_version` is the truth; a file event only makes it be asked more often, because the
 * event comes before the commit is visible, and some file systems lose events.
 *
 * While commits keep coming nobody listens for events: a busy writer causes thousands a second, and each costs more than asking.
 */
import { basename, dirname } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { fileAt, isBusy, openSource } from '../open.ts';

const IDLE_MS = 25;
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
  let watcher: FSWatcher | undefined;
  let seen: bigint | undefined;
  let quickUntil = 0;
  let ring = (): void => {};

  const deafen = (): void => {
    void watcher?.close();
    watcher = undefined;
  };
  const notice = (): void => {
    deafen();
    quickUntil = performance.now() + QUIET_MS;
    ring();
  };
  /** Only an accelerator: where nothing can be watched, the version is polled all the same. */
  const listen = (): void => {
    watcher ??= watch(dirname(path), {
      ignored: other => other !== dirname(path) && !basename(other).startsWith(name),
      ignoreInitial: true,
      depth: 0,
      persistent: false,
    })
      .on('all', notice)
      .on('error', deafen);
  };
  const pause = (ms: number): Promise<void> =>
    new Promise(resolve => {
      const timer = setTimeout(resolve, ms);
      ring = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const rest = async (): Promise<void> => {
    const quick = performance.now() < quickUntil;
    if (!quick) listen();
    await pause(quick ? BUSY_MS : IDLE_MS);
  };
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
      for (; !signal.aborted; await rest()) {
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
      deafen();
      db.close();
    },
  };
}
