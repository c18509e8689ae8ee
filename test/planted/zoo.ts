/* Tables with a column of every kind that verification tells apart, alike in each of several sets. */
import type Database from 'better-sqlite3';

/** Rows of each table. */
export const ROWS = 200;

const SET = (n: number): string => /* sql */ `
  create table thing${n} (id integer primary key autoincrement, t text, b blob not null, f real not null, mixed, n integer not null default 7,
    created_at text not null, doc json not null, flag boolean not null);
  create table pair${n} (a text not null, b integer not null, v text not null, primary key (a, b)) without rowid;
  create table line${n} (message text not null, at integer);
  create index thing${n}_t on thing${n} (t); create unique index thing${n}_n on thing${n} (n); create index thing${n}_low on thing${n} (lower(t));
  create index pair${n}_v on pair${n} (v);`;

/** Which texts, zeros and NULLs a row has follows from its number. */
export const textOf = (id: number): string | null => (id % 4 === 0 ? null : id % 4 === 1 ? '' : `text ${id}`);
export const realOf = (id: number): number => (id % 3 === 0 ? 0 : id / 8);

/** Fills an empty file with `sets` sets of tables. */
export const buildZoo =
  (sets: number): ((db: Database.Database) => void) =>
  db => {
    db.pragma('journal_mode = wal');
    db.transaction(() => {
      for (let n = 0; n < sets; n++) {
        db.exec(SET(n));
        const thing = db.prepare(`insert into thing${n} (t, b, f, mixed, n, created_at, doc, flag) values (?, ?, ?, ?, ?, ?, ?, ?)`);
        const pair = db.prepare(`insert into pair${n} values (?, ?, ?)`);
        const line = db.prepare(`insert into line${n} values (?, ?)`);
        for (let id = 1; id <= ROWS; id++) {
          const at = new Date(1_700_000_000_000 + id * 61_001).toISOString();
          const mixed = id % 2 === 0 ? 1n : `${id}`;
          thing.run(
            textOf(id),
            Buffer.from([id % 256, 0, 255]),
            realOf(id),
            mixed,
            BigInt(id),
            at,
            JSON.stringify({ n: id, list: [id, null] }),
            BigInt(id % 2),
          );
          pair.run(`key ${id}`, BigInt(id), `value ${id}`);
          line.run(`line ${id}`, BigInt(id));
        }
      }
    })();
  };
