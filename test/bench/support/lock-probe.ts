/*
 * An application that tries to write all the time: how long is it kept waiting? Started as `node lock-probe.ts app.db`; sends `ready`,
 * and when it is sent any message the lengths (ms) of all stretches in which the write lock was taken by someone else.
 */
import { setImmediate } from 'node:timers/promises';
import Database from 'better-sqlite3';

const db = new Database(process.argv[2] ?? '', { timeout: 0, fileMustExist: true });
const begin = db.prepare('begin immediate');
const rollback = db.prepare('rollback');
/** Trying takes some microseconds. */
const LOOK_MS = 1;
const waits: number[] = [];
let stopped = false;
process.on('message', () => {
  stopped = true;
});
process.send?.('ready');

let waited = 0;
let last = performance.now();
for (let round = 0; !stopped; round++) {
  const now = performance.now();
  const since = Math.min(now - last, LOOK_MS); // more than that, and this process itself was kept from running
  last = now;
  try {
    begin.run();
    rollback.run();
    if (waited > 0) waits.push(waited);
    waited = 0;
  } catch {
    waited += since;
  }
  if (round % 50 === 0) await setImmediate();
}
db.close();
process.send?.(waits, () => process.disconnect());
