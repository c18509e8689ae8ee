import Database from 'better-sqlite3';
import { rowByRow } from '../peers/row-by-row.ts';
import { insertEvents } from '../support/data.ts';
import { syncOnce } from '../support/processes.ts';
import { count, type Line, median, round, seconds, times } from '../support/report.ts';
import type { World } from '../support/world.ts';

/** Of a hundred changes: the rest are updates. */
const [INSERTS, DELETES] = [50, 10];
/** Row by row takes a minute for what comes after it in a second: a part of the backlog tells the rate. */
const SAMPLE = 10;

/** A backlog written while the daemon was away: how fast does it come through? */
export async function replay(world: World): Promise<Line[]> {
  const { backlog, runs } = world.options;
  const idle: number[] = [];
  const whole: number[] = [];
  const slow: number[] = [];
  for (let run = 1; run <= runs; run++) {
    world.say(`replay, run ${run} of ${runs}`);
    const source = world.application(Math.ceil(world.options.rows / 4));
    const target = await world.database();
    await syncOnce(source, target);
    idle.push((await syncOnce(source, target)).seconds);
    const { head, events } = newest(source);
    change(source, events, backlog);
    slow.push(await aside(world, source, target, head, Math.ceil(backlog / SAMPLE)));
    whole.push((await syncOnce(source, target)).seconds);
    world.remove(source);
    await world.drop(target);
  }
  const took = Math.max(0.01, median(whole) - median(idle)); // of a tiny backlog the difference is noise
  const rate = backlog / took;
  return [
    {
      measure: 'replay',
      what: `backlog of ${backlog} changed rows`,
      reach: '≥ 60,000 rows/s',
      measured: `${count(rate)} rows/s: ${seconds(took)} beside ${seconds(median(idle))} for a start with nothing to do`,
      numbers: { backlog, rowsPerSecond: Math.round(rate), seconds: round(took), idleSeconds: round(median(idle)) },
    },
    {
      measure: 'replay',
      what: 'against row by row',
      reach: '≥ 7x',
      measured: `${count(rate)} against ${count(median(slow))} rows/s: ${times(rate / median(slow))}`,
      numbers: { rowsPerSecond: Math.round(rate), peer: Math.round(median(slow)), ratio: round(rate / median(slow)) },
    },
  ];
}

/** The peer replays into a copy of the target: attacca's own must stay as it is. */
async function aside(world: World, source: string, target: string, head: bigint, rows: number): Promise<number> {
  const copy = await world.database(new URL(target).pathname.slice(1));
  const rate = await rowByRow(source, copy, head, rows);
  await world.drop(copy);
  return rate;
}

function newest(source: string): { readonly head: bigint; readonly events: number } {
  const db = new Database(source);
  const head = db.prepare<[], bigint>('select max(seq) from _attacca_journal').safeIntegers().pluck().get() ?? 0n;
  const events = db.prepare<[], number>('select max(id) from events').pluck().get() ?? 0;
  db.close();
  return { head, events };
}

/** Inserts, updates and deletes, each of rows of its own, mixed in transactions of a hundred rows. */
function change(source: string, events: number, backlog: number): void {
  const db = new Database(source);
  db.pragma('synchronous = off');
  const update = db.prepare(/* sql */ `update events set score = score + 1, payload = payload || ' ' where id between ? and ?`);
  const remove = db.prepare(/* sql */ `delete from events where id between ? and ?`);
  const step = Math.max(1, Math.floor((events * 100) / Math.max(backlog, 1)));
  for (let done = 0, id = 1; done < backlog; done += 100, id += step)
    db.transaction(() => {
      const updates = 100 - INSERTS - DELETES;
      db.exec(insertEvents(INSERTS, events + 1 + (done / 100) * INSERTS));
      update.run(id, id + updates - 1);
      remove.run(id + updates, id + updates + DELETES - 1);
    })();
  db.close();
}
