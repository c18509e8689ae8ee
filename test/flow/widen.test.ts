import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { DoneDocument, VerifyDocument } from '../../src/server/documents.ts';
import { caughtUp, openWorld } from '../support/world.ts';

const SCHEMA = `
  create table parent (id integer primary key, made datetime, n int default 1); create table child (id integer primary key, p int references parent);
  create index on_made on parent (made); insert into parent values (1, '2024-01-01 10:00:00', 1), (2, '2024-01-02 10:00:00', 2);
  insert into child values (1, 1)`;

test('values that do not fit wait; plan --widen makes their columns wider without a new snapshot, and later ones go in [G4]', async () => {
  await using world = await openWorld(db => db.exec(SCHEMA));
  world.start();
  await world.until(caughtUp);
  expect(await world.json<DoneDocument>(0, 'plan', '--widen')).toMatchObject({ detail: expect.stringContaining('nothing to widen') });
  const db = new Database(world.source);
  db.exec(`insert into parent values (3, 'the day before', 3), (4, '2024-01-04 10:00:00', 'many'); insert into child values (2, 3)`);
  await world.until(status => caughtUp(status) && status.quarantine === 2);

  const { detail } = await world.json<DoneDocument>(0, 'plan', '--widen');
  expect(detail).toBe('parent.made: timestamp(YYYY-MM-DD hh:mm:ss) → text; parent.n: integer → tagged');
  db.exec(`insert into parent values (5, 'some day', 'few'); update parent set n = x'00' where id = 1; delete from parent where id = 2`);
  await world.until(status => caughtUp(status) && status.quarantine === 0);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, differences: 0, quarantined: 0 });
  expect(await world.pg.query('select id, made, n from parent order by id')).toHaveLength(4);
  expect(await world.pg.query(`select 1 from pg_indexes where indexname = 'on_made'`)).toHaveLength(1);
  db.close();
});
