import { expect, test } from 'vitest';
import type { Lsn } from '../../src/change/change.ts';
import { decode } from '../../src/postgres/wal/pgoutput.ts';
import { openStream } from '../../src/postgres/wal/stream.ts';
import { wal } from '../../src/postgres/wal/wal.ts';
import { currentLsn, reader, reverse, thing } from './reverse.ts';

const EXACT: Readonly<Record<string, readonly [string, string]>> = {
  micro: ['timestamptz', '2026-03-01 12:34:56.123456+00'],
  day: ['date', '0044-03-15 BC'],
  document: ['jsonb', '{"e": 1.10, "big": 12345678901234567890}'],
  long: ['bigint', '9223372036854775807'],
  exact: ['numeric', '123456789012345678901234567890.120'],
  real: ['double precision', '0.1234567890123456'],
  bytes: ['bytea', '\\x00ff80'],
  span: ['interval', '1 day 02:03:04.000005'],
  list: ['integer[]', '{1,NULL,3}'],
};

test('values are Postgres’s own text, to the last digit, whatever a role has set [G4]', async () => {
  const columns = Object.entries(EXACT).map(([name, [type]]) => `${name} ${type}`);
  await using world = await reverse(`create table exact (${columns.join(', ')})`);
  const { pg, options } = world;
  await pg.query(`alter publication "Attacca's ""publication""" add table exact`);
  for (const setting of [`bytea_output = 'escape'`, `extra_float_digits = 0`, `datestyle = 'German'`, `timezone = 'Asia/Tokyo'`])
    await pg.query(`alter database ${options.slot} set ${setting}`);
  const values = Object.values(EXACT).map(([, value]) => value);
  await pg.query(`insert into exact values (${values.map((_, index) => `$${index + 1}`).join(', ')})`, values);

  await using stream = await openStream(options, 0n as Lsn, new AbortController().signal);
  for (;;) {
    const item = await stream.take();
    if (item.kind !== 'insert') continue;
    expect(item.row).toEqual(values);
    return;
  }
});

test('what attacca writes comes out as the plan’s columns, in the plan’s order [G4]', async () => {
  await using world = await reverse();
  const { pg, options } = world;
  await pg.query(`insert into "Things" values (-9223372036854775808, E'line\\nü\\u2028', '-0', '\\x', false)`);
  await using stream = reader(wal(options));
  expect((await stream.next()).changes).toEqual([
    { op: 'insert', table: 1, row: ['line\nü\u2028', '-9223372036854775808', '-0', '\\x', 'f'] },
  ]);
});

test('a large value that did not change is absent, not null [G4]', async () => {
  await using world = await reverse(`alter table "Things" alter name set storage external`);
  const { pg, options } = world;
  await pg.query(`insert into "Things" (id, name) values (1, repeat('x', 100000))`);
  await pg.query(`update "Things" set ok = true`);
  await using stream = reader(wal(options));
  await stream.next();
  expect((await stream.next()).changes).toEqual([{ op: 'update', table: 1, key: ['1'], row: [undefined, '1', null, null, 't'] }]);
});

test('with the whole row as replica identity the key is still the plan’s', async () => {
  await using world = await reverse(`alter table "Things" replica identity full`);
  const { pg, options } = world;
  await pg.query(`insert into "Things" (id, name) values (1, 'a')`);
  await pg.query(`update "Things" set id = 2, name = 'b'; delete from "Things"`);
  await using stream = reader(wal(options));
  await stream.next();
  expect((await stream.next()).changes).toEqual([
    { op: 'update', table: 1, key: ['1'], row: ['b', '2', null, null, null] },
    { op: 'delete', table: 1, key: ['2'] },
  ]);
});

test('a column that SQLite has not stays out of the row, and the others go on', async () => {
  await using world = await reverse();
  const { pg, options } = world;
  await pg.query(`alter table "Things" add extra int default 7; insert into "Things" (id, name) values (1, 'a')`);
  await pg.query(`update "Things" set extra = 8, name = 'b'`);
  await using stream = reader(wal(options));
  expect([(await stream.next()).changes, (await stream.next()).changes]).toEqual([
    [thing(1, 'a')],
    [{ op: 'update', table: 1, key: ['1'], row: ['b', '1', null, null, null] }],
  ]);
});

const PUBLICATION = `"Attacca's ""publication"""`;

test.for([
  ['a column is gone', `alter table "Things" drop column ok`, 'ok of public.Things is gone'],
  [
    'the publication has a list of columns',
    `alter publication ${PUBLICATION} set table "Things" (id, name)`,
    'or the publication leaves it out',
  ],
  ['a type has changed', `alter table "Things" alter id type numeric`, 'id of public.Things is no longer bigint'],
  ['a table is new', `alter publication ${PUBLICATION} add table unpublished`, 'public.unpublished'],
  ['a table lost its identity', `alter table "Things" replica identity nothing`, 'does not contain its key column id'],
] as const)('it halts, and loses nothing, when %s [G7]', async ([_, ddl, message], { skip }) => {
  await using world = await reverse();
  const { pg, options } = world;
  const [server] = await pg.query('show server_version_num');
  skip(ddl.endsWith('name)') && Number(server?.server_version_num) < 15_00_00, 'a publication has lists of columns from 15 on');
  await pg.query(`insert into "Things" (id) values (1)`);
  await pg.query(ddl);
  await pg.query(`insert into "Things" (id) values (2); insert into unpublished values ('x')`);
  for (let attempt = 0; attempt < 2; attempt++) {
    await using stream = reader(wal(options));
    expect((await stream.next()).changes).toHaveLength(1);
    await expect(stream.next()).rejects.toMatchObject({
      disposition: 'halt',
      message: expect.stringContaining(message),
      hint: expect.stringContaining('`attacca resync`'),
    });
  }
});

test('what comes again until then sends to `attacca resync`: a table that is not in the plan, a publication that is gone [G7]', async () => {
  await using world = await reverse();
  const { pg, session, options } = world;
  const mended = { disposition: 'halt', hint: expect.stringContaining('`attacca resync`') };
  await pg.query(`alter publication ${PUBLICATION} add table unpublished; insert into unpublished values ('x')`);
  await pg.query(`alter publication ${PUBLICATION} drop table unpublished`);
  await using stranger = reader(wal(options));
  await expect(stranger.next()).rejects.toMatchObject(mended);
  await pg.query(`drop publication ${PUBLICATION}; insert into "Things" (id) values (1)`);
  const { rows } = await session.query(`select current_setting('server_version_num')::int < 180000 as refuses`); // a later one leaves it out
  if (rows[0]?.refuses !== 't') return;
  await using gone = reader(wal(options), await currentLsn(session));
  await pg.query(`insert into "Things" (id) values (2)`);
  await expect(gone.next()).rejects.toMatchObject(mended);
});

test.each([
  ['an unknown message', Buffer.from('S')],
  ['a tuple of the wrong kind', Buffer.from([...Buffer.from('I'), 0, 0, 0, 1, ...Buffer.from('O'), 0, 0])],
  ['an unknown value', Buffer.from([...Buffer.from('I'), 0, 0, 0, 1, ...Buffer.from('N'), 0, 1, ...Buffer.from('b')])],
  ['a value cut short', Buffer.from([...Buffer.from('I'), 0, 0, 0, 1, ...Buffer.from('N'), 0, 1, ...Buffer.from('t'), 0, 0, 0, 9, 65])],
  ['a message cut short', Buffer.from([...Buffer.from('B'), 0, 0])],
])('%s is an error, never half a row [G7]', (_, message) => {
  expect(() => decode(message)).toThrow();
});
