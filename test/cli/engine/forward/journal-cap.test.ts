import { expect, test } from 'vitest';
import { outage } from '../../../../src/cli/engine/forward/journal-cap.ts';
import { alertsOf } from '../../../../src/cli/engine/tell/alerts.ts';
import { install } from '../../../../src/sqlite/capture/install.ts';
import { headMark } from '../../../../src/sqlite/capture/marking.ts';
import { checkAnchor } from '../../../../src/sqlite/journal/journal.ts';
import { readSchema } from '../../../../src/sqlite/schema/tables.ts';
import { planOf, scratch } from '../../../sqlite/planned.ts';

/** An installed file with the cap at ten marks, and so many rows more when they are asked for. */
async function capped() {
  const world = scratch('create table t (id integer primary key)', { wal: false });
  const { db, path } = world;
  await install(db, planOf(readSchema(db)), { install: 'i', target: 't' }, 1_000);
  const log = { warn: () => undefined };
  const around = { config: { source: path, journal: { maxMarks: 10 } }, log, alerts: alertsOf(), reached: undefined };
  const marks = () => db.prepare('select count(*) from _attacca_journal where tbl > 0').pluck().get();
  const write = (rows: number) => {
    for (let n = 0; n < rows; n++) db.exec('insert into t default values');
  };
  return {
    db,
    marks,
    write,
    while: outage(around as unknown as Parameters<typeof outage>[0]),
    [Symbol.dispose]: () => world[Symbol.dispose](),
  };
}

test('while Postgres is away, what it may have applied until then stays: its checkpoint must be found again [G1] [G7]', async () => {
  using file = await capped();
  file.write(20);
  const applied = headMark(file.db); // all of this was, before the connection was lost
  file.while.lost();
  file.write(20);
  await file.while.cap();
  expect(file.marks()).toBe(20n);
  checkAnchor(file.db, applied);
});

test('an application that keeps the file locked is asked again later, and ends nothing [G6]', async () => {
  using file = await capped();
  file.while.lost();
  file.write(20);
  file.db.exec('begin exclusive');
  await file.while.cap();
  file.db.exec('rollback');
  expect(file.marks()).toBe(20n);
  await file.while.cap();
  expect(file.marks()).toBe(0n);
});

test('the marks of a mirror stay, however long Postgres is away: a rollback has them to compare [G10]', async () => {
  using file = await capped();
  file.while.lost();
  file.write(20);
  file.db.exec(`update _attacca_control set "primary" = 'postgres'`);
  await file.while.cap();
  expect(file.marks()).toBe(20n);
});
