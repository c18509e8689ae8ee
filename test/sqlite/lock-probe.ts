/*
 * An application that tries to write all the time: how long is it kept waiting? Started as `node lock-probe.ts app.db`; sends `ready`,
 * and when it is sent any message the lengths (ms) of all stretches in which the write lock was taken by someone else.
 */
import { setImmediate } from 'node:timers/promises';
import Database from 'better-sqlite3';

const db = new Database(process.argv[2] ?? '', { timeout: 0, fileMustExist: true });
const begin = db.prepare('begin immediate');
const rollback = db.prepare('rollback');
const waits: number[] = [];
let stopped = false;
process.on('message', () => {
  stopped = true;
});
process.send?.('ready');

let busySince: number | undefined;
for (let round = 0; !stopped; round++) {
  try {
    begin.run();
    rollback.run();
    if (busySince !== undefined) waits.push(performance.now() - busySince);
    busySince = undefined;
  } catch {
    busySince ??= performance.now();
  }
  if (round % 50 === 0) await setImmediate();
}
db.close();
process.send?.(waits, () => process.disconnect());
