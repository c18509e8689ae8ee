/*
 * What capture costs the application. Files without triggers, with attacca's and with JSON images are written in turns, a block of
 * rows each, so that whatever else the machine does meets them alike; the ratio is the median over the blocks.
 */
import Database from 'better-sqlite3';
import { logImages } from '../peers/json-images.ts';
import { EVENT } from '../support/data.ts';
import { syncOnce } from '../support/processes.ts';
import { type Line, median, round, times } from '../support/report.ts';
import type { World } from '../support/world.ts';

const INSERT = /* sql */ `insert into events (session, type, created_at, payload, score, flagged, body) values (?, ?, ?, ?, ?, ?, ?)`;
const UPDATE = /* sql */ `update events set score = score + 1, payload = payload || ' ' where id = ?`;
const VALUES = /* sql */ `with recursive numbers (n) as (values (1) union all select n + 1 from numbers where n < ?),
  hashed as (select n, ((n * 2654435761) & 4294967295) as h from numbers) select ${EVENT} from hashed`;

type File = { readonly kind: 'bare' | 'attacca' | 'images'; readonly db: Database.Database };

export async function capture(world: World): Promise<Line[]> {
  const block = Math.min(10_000, Math.ceil(world.options.rows / 160));
  const blocks = Math.max(3, world.options.runs * 5);
  const [bare, captured, images] = [0, 1, 2].map(() => world.application(Math.ceil(world.options.rows / 8)));
  if (bare === undefined || captured === undefined || images === undefined) return [];
  const target = await world.database();
  await syncOnce(captured, target);
  const files: File[] = [
    { kind: 'bare', db: new Database(bare) },
    { kind: 'attacca', db: new Database(captured) },
    { kind: 'images', db: new Database(images) },
  ];
  logImages(new Database(images));
  const rows = new Database(':memory:').prepare<[number], unknown[]>(VALUES).raw().all(block);
  const ids = rows.map((_, index) => 1 + ((index * 7919) % block));
  const works: readonly (readonly [string, string, (db: Database.Database) => () => void])[] = [
    ['inserts in bulk transactions', '≤ 1.35x', db => db.transaction(() => each(db, INSERT, rows))],
    [
      'updates in bulk transactions',
      '',
      db =>
        db.transaction(() =>
          each(
            db,
            UPDATE,
            ids.map(id => [id]),
          ),
        ),
    ],
    ['single autocommit inserts', '≤ 1.6x', db => () => each(db, INSERT, rows.slice(0, block / 5))],
    [
      'single autocommit updates',
      '',
      db => () =>
        each(
          db,
          UPDATE,
          ids.slice(0, block / 5).map(id => [id]),
        ),
    ],
  ];
  const lines = [];
  for (const [what, reach, work] of works) {
    world.say(`capture, ${what}`);
    lines.push(lineOf(what, reach, inTurns(files, blocks, work)));
  }
  for (const { db } of files) db.close();
  for (const source of [bare, captured, images]) world.remove(source);
  await world.drop(target);
  return lines;
}

function each(db: Database.Database, sql: string, rows: readonly (readonly unknown[])[]): void {
  const statement = db.prepare(sql);
  for (const row of rows) statement.run(...row);
}

type Ratios = Readonly<Record<File['kind'], readonly number[]>>;

/** Time of each block relative to the same block without triggers. */
function inTurns(files: readonly File[], blocks: number, work: (db: Database.Database) => () => void): Ratios {
  const ratios = { bare: [] as number[], attacca: [] as number[], images: [] as number[] };
  const runs = files.map(({ kind, db }) => ({ kind, db, run: work(db) }));
  for (let block = 0; block <= blocks; block++) {
    const took = { bare: 0, attacca: 0, images: 0 };
    for (const { kind, db, run } of runs) {
      db.pragma('wal_checkpoint(truncate)'); // the checkpoint that comes due in a block is that block's own
      const since = performance.now();
      run();
      took[kind] = performance.now() - since;
    }
    if (block === 0) continue; // warms caches up
    ratios.attacca.push(took.attacca / took.bare);
    ratios.images.push(took.images / took.bare);
  }
  return ratios;
}

const lineOf = (what: string, reach: string, { attacca, images }: Ratios): Line => ({
  measure: 'capture',
  what,
  reach,
  measured: `${times(median(attacca))} of the time without triggers; JSON images ${times(median(images))}`,
  numbers: { attacca: round(median(attacca)), images: round(median(images)) },
});
