/*
 * `npm run test:alarms -- [MINUTES] [WRITES PER SECOND] [SEED]`: 10 minutes at 1,000 writes a second, by default, while one full comparison
 * follows the other, and the daemon compares what changed every second: no difference may be reported, because there is none.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type Database from 'better-sqlite3';
import { VerifyDocument } from '../../src/server/documents.ts';
import { numbersFrom } from '../support/random.ts';
import { numbers } from '../support/words.ts';
import { openWorld } from '../support/world.ts';
import { buildZoo, ROWS } from './zoo.ts';

const { minutes, perSecond, seed } = numbers({ minutes: 10, perSecond: 1_000, seed: Math.floor(Math.random() * 2 ** 31) });
const SETS = 3;
/** Writes that are one transaction. */
const AT_ONCE = 5;

/** One write of any kind to any table, also such as evict rows, move keys, and change nothing. */
function write(next: () => number): readonly [sql: string, ...given: unknown[]] {
  const [n, id, far] = [next() % SETS, BigInt(1 + (next() % (2 * ROWS))), BigInt(1_000_000 + (next() % 1_000_000))];
  const at = new Date(1_700_000_000_000 + (next() % 1e9)).toISOString();
  const row = [
    `t${next() % 50}`,
    Buffer.from([next() % 256]),
    (next() % 100) / 8,
    next() % 2 === 0 ? 1n : '1',
    far,
    at,
    `{"n":${next()}}`,
    BigInt(next() % 2),
  ];
  switch (next() % 8) {
    case 0:
      return [
        `insert or replace into thing${n} (id, t, b, f, mixed, n, created_at, doc, flag) values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        id,
        ...row,
      ];
    case 1:
      return [`insert or ignore into thing${n} (t, b, f, mixed, n, created_at, doc, flag) values (?, ?, ?, ?, ?, ?, ?, ?)`, ...row];
    case 2:
      return [`update thing${n} set f = -f, flag = not flag, doc = ? where id = ?`, `{"n":${next()}}`, id];
    case 3:
      return [`delete from thing${n} where id = ?`, id];
    case 4:
      return [`insert or replace into pair${n} values (?, ?, ?)`, `key ${id}`, id, at];
    case 5:
      return [`update or replace pair${n} set b = b + 1 where a = ?`, `key ${id}`];
    case 6:
      return [`insert into line${n} values (?, ?)`, at, id];
    default:
      return [`delete from line${n} where at = ?`, id];
  }
}

let writes = 0;
let over = false;
async function storm(db: Database.Database): Promise<void> {
  const next = numbersFrom(seed);
  for (const began = performance.now(); !over; await delay(1)) {
    for (const due = ((performance.now() - began) / 1_000) * perSecond; writes < due && !over; writes += AT_ONCE)
      db.transaction(() => {
        for (let each = 0; each < AT_ONCE; each++) {
          const [sql, ...given] = write(next);
          db.prepare(sql).run(...given);
        }
      })();
  }
}

await using world = await openWorld(buildZoo(SETS), { verify: { everySeconds: 1, fullEveryMinutes: 0 } });
world.start();
let recent = 0;
world.daemon().process.stderr?.on('data', text => {
  if (String(text).includes('"msg":"differs"')) recent++;
});
await world.until(({ phase }) => phase === 'shadowing');
const storming = storm(world.app);
let comparisons = 0;
let alarms = 0;
let rows = 0;
for (const end = performance.now() + minutes * 60_000; performance.now() < end; ) {
  const ran = await world.run('verify', '--json');
  const { ok, differences, rows: compared, tables } = VerifyDocument.parse(JSON.parse(ran.stdout));
  comparisons++;
  rows += compared;
  if (ok) continue;
  alarms++;
  process.stdout.write(`${differences} differences: ${JSON.stringify(tables.flatMap(({ samples }) => samples.slice(0, 3)))}\n`);
}
over = true;
await storming;
const last = VerifyDocument.parse(await world.json(0, 'verify'));
process.stdout.write(
  `${writes} writes in ${minutes} minutes, ${comparisons} full comparisons of ${rows} rows in all: ${alarms} false alarms, and ${recent} of the daemon; equal at the end: ${last.ok}; seed ${seed}\n`,
);
process.exitCode = alarms + recent === 0 && last.ok ? 0 : 1;
