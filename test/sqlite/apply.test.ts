import { SqliteError } from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { RowChange } from '../../src/change/change.ts';
import { RawText, tag } from '../../src/change/value.ts';
import { codecOf } from '../../src/plan/codec.ts';
import { readFileControl } from '../../src/sqlite/capture/control.ts';
import { judged } from '../../src/sqlite/mirror/apply.ts';
import { changes, journalHead, lsn } from './mirrored.ts';
import { DDL, halts, mirrored } from './sink.ts';

test('rows, marks, LSN and watermark of a transaction commit together [G2]', async () => {
  const { apply, db, id, marks, rows, sink } = await mirrored();
  expect(await sink.checkpoint()).toBe(lsn(100));
  const t = id('t');
  await apply(
    { op: 'insert', table: t, row: ['3', 'i:3', 'three'] },
    { op: 'update', table: t, key: ['1'], row: ['1', 'i:1', 'uno'] },
    { op: 'update', table: t, key: ['2'], row: ['20', 'i:2', undefined] },
    { op: 'delete', table: t, key: ['3'] },
    { op: 'insert', table: 0, row: ['token'] },
  );
  expect(rows('select * from t order by id')).toEqual([
    [1n, 1n, 'uno'],
    [20n, 2n, 'two'],
  ]);
  expect(marks()).toEqual([3n, 1n, 2n, 20n, 3n].map(key => [BigInt(t), key]));
  expect(readFileControl(db)).toMatchObject({ lsn: '0/65', watermark: 'token' });
  expect(await sink.checkpoint()).toBe(lsn(101));
  await apply({ op: 'insert', table: t, row: ['3', 'i:3', 'again'] });
  expect(readFileControl(db), 'what came last is known until another comes').toMatchObject({ lsn: '0/66', watermark: 'token' });
});

test('a file that does not say where mirroring begins halts: the slot would begin anywhere [G10]', async () => {
  const { db, sink } = await mirrored();
  db.exec('update _attacca_control set lsn = null');
  await expect(sink.checkpoint()).rejects.toEqual(halts('no record of where mirroring begins'));
});

test.each([
  ['SQLITE_BUSY_SNAPSHOT', 'retry'],
  ['SQLITE_LOCKED', 'retry'],
  ['SQLITE_FULL', 'retry'],
  ['SQLITE_IOERR_WRITE', 'retry'],
  ['SQLITE_NOMEM', 'retry'],
  ['SQLITE_CORRUPT', 'halt'],
  ['SQLITE_ERROR', 'halt'],
])('%s is a reason to %s: what has to do with the machine heals, the unknown halts [G7]', (code, disposition) => {
  expect(judged(new SqliteError('injected', code))).toMatchObject({ disposition, message: expect.stringContaining(code) });
});

test('a replay changes nothing [G2]', async () => {
  const { apply, db, id, rows, sink } = await mirrored();
  const change: RowChange = { op: 'insert', table: id('t'), row: ['3', null, 'three'] };
  await apply(change);
  const head = journalHead(db);
  for (const position of [101, 100, 5]) await sink.apply({ position: lsn(position), changes: changes(change) });
  expect(journalHead(db)).toBe(head);
  expect(rows('select id from t order by id')).toEqual([[1n], [2n], [3n]]);
});

test('a transaction that fails half-way leaves nothing behind, and the fence closed [G2]', async () => {
  const { apply, db, id, rows, sink, marks } = await mirrored();
  async function* failing(): AsyncGenerator<RowChange> {
    yield { op: 'delete', table: id('t'), key: ['1'] };
    yield { op: 'insert', table: id('t'), row: ['9', 't:i:2', 'waits for its place'] };
    throw new Error('connection lost');
  }
  await expect(sink.apply({ position: lsn(101), changes: failing() })).rejects.toThrow('connection lost');
  expect(rows('select id from t order by id')).toEqual([[1n], [2n]]);
  expect(marks()).toEqual([]);
  expect(await sink.checkpoint()).toBe(lsn(100));
  expect(() => db.exec('delete from t')).toThrow(/ATTACCA_FENCED/);
  await apply({ op: 'delete', table: id('t'), key: ['2'] });
  expect(rows('select id from t')).toEqual([[1n]]);
});

const VALUES = [
  null,
  0n,
  -1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  0,
  -0,
  0.1,
  1,
  1e300,
  -Infinity,
  '',
  'text',
  'a\0b',
  '😀',
  '1',
  '-0',
  new RawText(new Uint8Array([0xff, 0x61, 0])),
  new Uint8Array(),
  new Uint8Array([0, 255]),
];

test.each(VALUES.map(value => [value === null ? 'NULL' : tag(value), value] as const))(
  '%s arrives with its storage class and every bit [G4]',
  async (name, value) => {
    const { apply, db, id } = await mirrored();
    const text = codecOf({ codec: 'tagged', affinity: 'blob' }).encode(value) as string | null;
    await apply({ op: 'insert', table: id('w'), row: ['k', '1', text] }, { op: 'insert', table: id('keyless'), row: ['-5', text] });
    await apply({ op: 'update', table: id('keyless'), key: ['-5'], row: ['-5', text] });
    for (const table of ['w', 'keyless']) {
      const [type, bytes] = db
        .prepare(`select typeof(v), case when typeof(v) in ('text', 'blob') then cast(v as blob) else v end from ${table}`)
        .raw()
        .get() as [string, unknown];
      const stored =
        bytes instanceof Uint8Array
          ? `${type === 'text' ? 'x' : 'b'}:${Buffer.from(bytes).toString('hex')}`
          : bytes === null
            ? 'NULL'
            : tag(bytes as bigint);
      expect(stored).toBe(type === 'text' && !name.startsWith('x:') ? `x:${Buffer.from(name.slice(2)).toString('hex')}` : name);
    }
  },
);

test('keys of bytes that are not UTF-8 are found again [G4]', async () => {
  const { apply, id, rows } = await mirrored('create table r (k primary key, v) without rowid');
  await apply({ op: 'insert', table: id('r'), row: ['x:ff61', 'i:1'] }, { op: 'insert', table: id('r'), row: ['i:1', 'i:1'] });
  await apply({ op: 'update', table: id('r'), key: ['x:ff61'], row: ['x:ff62', 'i:2'] });
  expect(rows('select hex(k), v from r order by v')).toEqual([
    ['31', 1n],
    ['FF62', 2n],
  ]);
  await apply({ op: 'delete', table: id('r'), key: ['x:ff62'] });
  expect(rows('select hex(k) from r')).toEqual([['31']]);
});

test('NOCASE keys are told apart by their bytes; TRUNCATE empties and marks the table whole', async () => {
  const { apply, id, rows, marks } = await mirrored();
  const w = id('w');
  await apply({ op: 'insert', table: w, row: ['a', '1', null] });
  await expect(apply({ op: 'delete', table: w, key: ['A', '1'] })).rejects.toThrow(halts('that SQLite does not have'));
  await apply({ op: 'update', table: w, key: ['a', '1'], row: ['A', '1', null] });
  expect(rows('select a from w')).toEqual([['A']]);
  await apply({ op: 'truncate', tables: [w, id('t')] }, { op: 'insert', table: w, row: ['c', '1', null] });
  expect(rows('select a from w union all select id from t')).toEqual([['c']]);
  expect(marks()).toEqual(
    expect.arrayContaining([
      [BigInt(-w), null],
      [BigInt(-id('t')), null],
    ]),
  );
});

test('unique values may change hands within a transaction', async () => {
  const { apply, id, rows, marks } = await mirrored();
  const t = id('t');
  await apply(
    { op: 'update', table: t, key: ['1'], row: ['1', 'i:2', undefined] },
    { op: 'insert', table: t, row: ['3', 'i:2', 'x'] },
    { op: 'update', table: t, key: ['1'], row: ['1', 'i:7', undefined] },
    { op: 'update', table: t, key: ['3'], row: ['4', undefined, 'four'] },
    { op: 'insert', table: t, row: ['5', 'i:1', 'five'] },
    { op: 'insert', table: t, row: ['6', 'i:2', 'gone'] },
    { op: 'delete', table: t, key: ['6'] },
    { op: 'update', table: t, key: ['2'], row: ['2', 'i:1', 'dos'] },
    { op: 'update', table: t, key: ['5'], row: ['5', 'i:5', undefined] },
  );
  expect(rows('select * from t order by id')).toEqual([
    [1n, 7n, 'one'],
    [2n, 1n, 'dos'],
    [4n, 2n, 'four'],
    [5n, 5n, 'five'],
  ]);
  expect(marks().length).toBeGreaterThanOrEqual(9);
});

test('a document keeps its spelling while Postgres has the same value, also in a row that has to wait [G4]', async () => {
  const ddl = `create table t (id integer primary key, u unique, doc text);
    insert into t values (1, 1, '{"a":1}'), (2, 2, '{"a":1}'), (3, 3, '{"a":1}')`;
  const { apply, id, rows } = await mirrored(ddl, { codecs: { doc: 'jsonb' } });
  const t = id('t');
  await apply(
    { op: 'update', table: t, key: ['1'], row: ['1', 'i:2', '{"a": 1}'] },
    { op: 'update', table: t, key: ['2'], row: ['2', 'i:3', '{"a": 2}'] },
    { op: 'update', table: t, key: ['3'], row: ['3', 'i:1', '{"a": 1}'] },
  );
  expect(rows('select u, doc from t order by id')).toEqual([
    [2n, '{"a":1}'],
    [3n, '{"a": 2}'],
    [1n, '{"a":1}'],
  ]);
});

test('what SQLite cannot hold halts, names the row by its key, and applies nothing of the transaction [G7]', async () => {
  const { apply, id, rows, sink } = await mirrored();
  const t = id('t');
  const clash = apply({ op: 'insert', table: t, row: ['3', 'i:9', null] }, { op: 'insert', table: t, row: ['4', 'i:9', 'secret'] });
  await expect(clash).rejects.toThrow(halts('key ["i:4"]: UNIQUE constraint failed: t.u'));
  await expect(clash).rejects.not.toThrow('secret');
  const wide = apply({ op: 'insert', table: t, row: ['99999999999999999999', null, null] });
  await expect(wide).rejects.toThrow(halts('an integer beyond 64 bits'));
  await expect(apply({ op: 'update', table: t, key: ['77'], row: ['77', null, null] })).rejects.toThrow(halts('key ["i:77"]'));
  await expect(apply({ op: 'delete', table: t, key: ['x'] })).rejects.toThrow(halts('not an integer'));
  await expect(apply({ op: 'insert', table: 99, row: [] })).rejects.toThrow(halts('table 99'));
  expect(rows('select id from t order by id')).toEqual([[1n], [2n]]);
  expect(await sink.checkpoint()).toBe(lsn(100));
});

test('a trigger that stayed, and that would leave a row out, halts the mirror [G7] [G10]', async () => {
  const skips = `create trigger skips before insert on t when new.v = 'skipped' begin insert into log (line) values (1); select raise(ignore); end`;
  const { apply, id, rows } = await mirrored(`${DDL} ${skips}`);
  await apply({ op: 'insert', table: id('t'), row: ['3', 'i:3', 'three'] });
  await expect(apply({ op: 'insert', table: id('t'), row: ['4', 'i:4', 'skipped'] })).rejects.toEqual(
    halts('a trigger ignores a row of "t"'),
  );
  expect(rows('select id from t order by id')).toEqual([[1n], [2n], [3n]]);
});

test('checks, foreign keys with actions and ON CONFLICT REPLACE of the file do not act on what Postgres decided', async () => {
  const { apply, id, rows } = await mirrored(`
    create table p (id integer primary key, n integer check (n < 10));
    create table c (id integer primary key, p integer references p on delete cascade, u integer unique on conflict replace);
    insert into p values (1, 1); insert into c values (1, 1, 1);`);
  await apply({ op: 'delete', table: id('p'), key: ['1'] }, { op: 'insert', table: id('p'), row: ['1', '50'] });
  expect(rows('select id from c')).toEqual([[1n]]);
  await expect(apply({ op: 'insert', table: id('c'), row: ['2', null, '1'] })).rejects.toThrow(halts('UNIQUE'));
  await expect(
    apply({ op: 'insert', table: id('c'), row: ['2', null, '2'] }, { op: 'update', table: id('c'), key: ['2'], row: ['2', null, '1'] }),
  ).rejects.toThrow(halts('UNIQUE'));
  expect(rows('select * from c')).toEqual([[1n, 1n, 1n]]);
});

test('a transaction that moves every unique value on by one, in either order, ends as it should', async () => {
  const { apply, id, rows } = await mirrored();
  const [t, many] = [id('t'), 5_000];
  const ids = Array.from({ length: many }, (_, n) => 100 + n);
  await apply(...ids.map(n => ({ op: 'insert', table: t, row: [String(n), `i:${n}`, null] }) as const));
  const up = ids.map(n => ({ op: 'update', table: t, key: [String(n)], row: [String(n), `i:${n + 1}`, undefined] }) as const);
  await apply(...up);
  await apply(...up.toReversed().map(change => ({ ...change, row: [change.key[0]!, `i:${Number(change.key[0]) + 2}`, undefined] })));
  expect(rows(`select count(*), min(u - id), max(u - id) from t where id >= 100`)).toEqual([[BigInt(many), 2n, 2n]]);
});
