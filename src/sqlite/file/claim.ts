import BetterSqlite3 from 'better-sqlite3';
import { isBusy } from '../open.ts';

/**
 * Claims the file at `path`, which it makes, for as long as this process lives: the kernel gives a dead one's lock back, whatever ended
 * it. undefined where another process has it.
 */
export function claim(path: string): Disposable | undefined {
  const db = new BetterSqlite3(path, { timeout: 0 });
  try {
    db.exec('begin exclusive');
  } catch (error) {
    db.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  return { [Symbol.dispose]: () => void db.close() };
}
