/* Columns of narrow types (timestamps, UUIDs, JSON, booleans) on the whole way, there and back. */
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { VerifyDocument } from '../../src/server/documents.ts';
import { caughtUp, openWorld } from '../support/world.ts';

const SCHEMA = `
  create table account (id text primary key, active boolean, flag boolean not null default 'false', born date, external_uuid blob, prefs_json text,
    created_at datetime default current_timestamp, updated_at text, seen_at timestamp);
  create table visit (id integer primary key, account_id text references account, at datetime, answer json, paid tinyint(1));
  insert into account values
    ('a0000000-0000-4000-8000-000000000001', 1, 'true', '1990-02-28', x'00112233445566778899aabbccddeeff', '{"b": 1.0, "a": [1e2]}',
      '2024-01-01 10:00:00', '2024-01-01T10:00:00.120Z', 1700000000000),
    ('a0000000-0000-4000-8000-000000000002', 0, 'false', '0044-01-01', null, '[]', '9999-12-31 23:59:59', '0001-01-01T00:00:00.000Z', 1700000000001);
  insert into visit values (1, 'a0000000-0000-4000-8000-000000000001', '2024-02-29 12:00:00.5', 5, 1),
    (2, null, null, 'null', 0), (3, null, null, 2.5, null);`;

test('types narrower than text go there and back, with what Postgres writes and what no longer fits [G4]', async () => {
  await using world = await openWorld(db => db.exec(SCHEMA));
  const daemon = world.start();
  await world.until(caughtUp);
  const types = await world.pg.query(
    `select column_name as c, data_type as t from information_schema.columns where table_name = 'account' and table_schema = 'public' order by ordinal_position`,
  );
  expect(types.map(({ t }) => t)).toEqual([
    'uuid',
    'boolean',
    'boolean',
    'date',
    'uuid',
    'jsonb',
    'timestamp without time zone',
    'timestamp with time zone',
    'timestamp with time zone',
  ]);

  expect(await world.pg.query('select answer, paid from visit order by id')).toEqual([
    { answer: '5', paid: 't' },
    { answer: 'null', paid: 'f' },
    { answer: '2.5', paid: null },
  ]);

  const db = new Database(world.source);
  db.exec(
    `insert into account (id, prefs_json, updated_at) values ('a0000000-0000-4000-8000-000000000003', '{}', '2024-05-05T05:05:05.123456Z')`,
  );
  db.exec(`insert into account (id, updated_at) values ('system', null)`);
  await world.until(status => caughtUp(status) && status.quarantine === 1);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ differences: 0, quarantined: 1 });
  db.exec(`delete from account where id = 'system'`);
  await world.until(status => caughtUp(status) && status.quarantine === 0);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, differences: 0, quarantined: 0 });

  await world.json(0, 'cutover', '--yes');
  await world.pg.query(`insert into account (id, active, prefs_json, updated_at, seen_at)
    values ('b0000000-0000-4000-8000-000000000004', true, '{"z": 1, "y": null}', '2025-01-01 12:00:00.000001+02', '2025-01-01 00:00:00.007+00')`);
  await world.pg.query(
    `update account set born = '0044-03-15 BC', created_at = 'infinity' where id = 'a0000000-0000-4000-8000-000000000002'`,
  );
  await world.pg.query(`update visit set answer = (id * 1.25)::text::jsonb, paid = not paid`);
  await world.until(({ lag }) => lag?.ms !== null && (lag?.ms ?? 9e9) < 500);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, differences: 0 });

  await world.json(0, 'rollback', '--yes');
  await world.until(caughtUp);
  const written = db.prepare('select * from account where id glob ?').raw();
  expect(written.get('b0*')).toEqual([
    'b0000000-0000-4000-8000-000000000004',
    1,
    'false',
    null,
    null,
    '{"y": null, "z": 1}',
    expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
    '2025-01-01T10:00:00.000001Z',
    1735689600007,
  ]);
  expect(db.prepare('select typeof(answer), answer, paid from visit').raw().all()).toEqual([
    ['real', 1.25, 0],
    ['real', 2.5, 1],
    ['real', 3.75, null],
  ]);
  expect(written.get('*2')).toMatchObject({ 3: '0044-03-15 BC', 6: 'infinity' });
  expect(written.get('*1')).toMatchObject({ 2: 'true', 5: '{"b": 1.0, "a": [1e2]}', 7: '2024-01-01T10:00:00.120Z' });
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, differences: 0 });
  await world.json(0, 'uninstall', '--yes');
  expect(await daemon.exited).toBe(0);
  db.close();
});
