import { expect, test } from 'vitest';
import type { PgRow } from '../../src/change/change.ts';
import { ReplicationError } from '../../src/change/errors.ts';
import type { TablePlan } from '../../src/plan/plan.ts';
import { postgresSink } from '../../src/postgres/apply/apply.ts';
import { list, put } from '../../src/postgres/apply/quarantine.ts';
import { rewriteRows } from '../../src/postgres/apply/rewrite.ts';
import { addForeignKeys, buildIndexes } from '../../src/postgres/installed/constraints.ts';
import { opening } from '../../src/postgres/installed/fence.ts';
import { connect, type Session } from '../../src/postgres/session/open.ts';
import { endBackend, connect as otherSession } from '../support/postgres.ts';
import { batch, item, mark, misfit, PLAN, WRITER, world } from './world.ts';

const items = (w: Awaited<ReturnType<typeof world>>) => w.postgres.query('select id, name, u from items order by id');

/** Runs a batch the small way, and (said to be large) by delete and COPY. */
const WAYS = [
  { way: 'upsert', more: {} },
  { way: 'copy', more: { size: 5_000 } },
];

test.each(WAYS)('a batch and its checkpoint arrive together: $way [G2] [G3]', async ({ more }) => {
  await using w = await world();
  await w.apply(
    5,
    [{ rows: [item(1, 'a'), item(2, 'b')] }, { table: 2, rows: [['k', '1', null]] }, { table: 3, rows: [['-4', 'line']] }],
    more,
  );
  await w.apply(
    6,
    [
      { rows: [item(2, 'c'), item(3)], gone: [['1']] },
      { table: 2, rows: [['k', '1', 'v']], gone: [['2', 'k']] },
    ],
    more,
  );
  expect((await items(w)).map(row => [row.id, row.u])).toEqual([
    ['2', 'c'],
    ['3', null],
  ]);
  expect(await w.postgres.query('select a, b, v from pairs')).toEqual([{ a: 'k', b: '1', v: 'v' }]);
  expect(await w.postgres.query('select * from log')).toEqual([{ _attacca_rowid: '-4', line: 'line' }]);
  expect(await w.postgres.query('select seq, nonce from attacca.control')).toEqual([{ seq: '6', nonce: '6000' }]);
});

test('a key that is one with another in Postgres, and not the same value, is set too: 0 becomes -0 [G4]', async () => {
  await using w = await world();
  await w.postgres.query('create table public.reals (k double precision primary key)');
  const real = { ...PLAN.tables[0]!.columns[3]!, name: 'k', target: 'k' };
  const reals: TablePlan = { ...PLAN.tables[0]!, target: 'reals', key: { kind: 'declared', columns: [0] }, columns: [real] };
  const sink = postgresSink({ session: w.session, plan: { ...PLAN, tables: [reals] }, writer: WRITER });
  await sink.checkpoint();
  await sink.apply(batch(5, [{ rows: [['0']] }]));
  await sink.apply(batch(6, [{ rows: [['-0']] }]));
  expect((await w.session.query('select k from public.reals')).rows).toEqual([{ k: '-0' }]);
  await sink.apply(batch(7, [{ rows: [['0']], gone: [['-0']] }])); // the one goes before the other comes
  expect((await w.session.query('select k from public.reals')).rows).toEqual([{ k: '0' }]);
});

test('a replayed batch changes nothing; another history at the same seq halts [G2] [G7]', async () => {
  await using w = await world();
  await w.apply(5, [{ rows: [item(1, 'new')] }]);
  await w.apply(5, [{ rows: [item(1, 'old')] }]);
  await w.apply(4, [{ gone: [['1']] }]);
  expect(await items(w)).toEqual([{ id: '1', name: 'item 1', u: 'new' }]);
  const sink = postgresSink({ session: w.session, plan: PLAN, writer: WRITER });
  const other = { ...batch(5, []), position: { ...mark(5), nonce: 1n } };
  await expect(sink.apply(other)).rejects.toMatchObject({ disposition: 'halt', message: expect.stringContaining('journal') });
});

test.each(WAYS)('a session killed before any of its statements leaves all of a batch or nothing: $way [G2]', async ({ more }) => {
  await using w = await world();
  const state = () =>
    w.postgres.query('select c.seq, (select count(*) from items) as n, (select max(u) from items) as u from attacca.control c');
  const rows = (u: string) => Array.from({ length: 60 }, (_, i) => item(i + 1, `${u}${i + 10}`));
  await w.apply(10, [{ rows: rows('a') }]);
  let survived = false;
  for (let nth = 1; !survived; nth++) {
    const before = await state();
    const next = batch(10 + nth, [{ rows: rows(`b${nth}`).slice(0, 30) }, { rows: rows(`b${nth}`).slice(30), gone: [['99']] }], more);
    await using session = await connect(w.postgres.url, { applicationName: 'attacca victim' });
    const victim = dying(session, nth, () => endBackend(w.postgres, session.pid));
    const failure = await postgresSink({ session: victim, plan: PLAN, writer: WRITER })
      .apply(next)
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    survived = failure === undefined;
    if (!survived) {
      expect(failure).toMatchObject({ disposition: 'retry' });
      expect(await state()).toEqual(before);
      await w.apply(10 + nth, [], { ...next.changes });
    }
    expect(await state()).toEqual([{ seq: String(10 + nth), n: '60', u: `b${nth}69` }]);
  }
});

test('a commit whose answer was lost is recognised when the batch comes again [G2]', async () => {
  await using w = await world();
  await using session = await connect(w.postgres.url, { applicationName: 'attacca victim' });
  const deaf: Session = {
    ...session,
    async roundTrip(steps) {
      await session.roundTrip(steps);
      throw new ReplicationError('retry', 'injected: no answer', { hint: '' });
    },
  };
  const next = batch(5, [{ rows: [item(1, 'once')] }]);
  const sink = postgresSink({ session: deaf, plan: PLAN, writer: WRITER });
  await sink.checkpoint();
  await expect(sink.apply(next)).rejects.toMatchObject({ disposition: 'retry' });
  await w.postgres.query("set attacca.token = 'a1b2c3d4e5f60718'");
  await w.postgres.query("update items set u = 'since'");
  await w.apply(5, [{ rows: [item(1, 'once')] }]);
  expect(await items(w)).toEqual([{ id: '1', name: 'item 1', u: 'since' }]);
});

/** The session's server process dies right before its nth statement. */
function dying(session: Session, nth: number, kill: () => Promise<unknown>): Session {
  let statements = 0;
  const step = async () => {
    if (++statements === nth) await kill();
  };
  return {
    ...session,
    query: (statement, values) => step().then(() => session.query(statement, values)),
    roundTrip: steps => step().then(() => session.roundTrip(steps)),
    copyIn: (copy, pieces) => step().then(() => session.copyIn(copy, pieces)),
  };
}

test.each(WAYS)('rows that swap a unique value arrive: $way', async ({ more }) => {
  await using w = await world();
  await buildIndexes(w.session, PLAN, () => undefined);
  await w.apply(5, [{ rows: [item(1, 'a'), item(2, 'b')] }], more);
  await w.apply(6, [{ rows: [item(1, 'b')] }, { rows: [item(2, 'a'), item(3, 'c')] }], more);
  expect((await items(w)).map(row => row.u)).toEqual(['b', 'a', 'c']);
  expect(await list(w.session)).toEqual([]);
});

test.each(WAYS)(
  'a row that Postgres refuses is quarantined, the others arrive, and it leaves when it fits: $way [G4]',
  async ({ more }) => {
    const seen: unknown[] = [];
    await using w = await world({ onQuarantine: (table, misfits) => seen.push([table.name, misfits.length]) });
    await w.apply(5, [{ rows: [item(2, 'old')] }], more);
    const poison = [item(2, 'x', null), ['3', 'secret-value', null, 'no number', null, null]];
    await w.apply(6, [{ rows: [item(1), ...poison, item(4)], misfits: [misfit('["i:9"]', ['9'])] }], more);
    expect((await items(w)).map(row => row.id)).toEqual(['1', '4']);
    expect(seen).toEqual([['items', 3]]);
    const quarantined = await list(w.session);
    expect(quarantined.map(row => [row.key, row.column]).sort()).toEqual([
      ['["i:2"]', 'name'],
      ['["i:3"]', 'f'],
      ['["i:9"]', 'name'],
    ]);
    expect(JSON.stringify(quarantined, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toContain('secret-value');

    await w.apply(7, [{ rows: [item(2, 'fits')], gone: [['3']] }], more);
    expect((await list(w.session)).map(row => row.key)).toEqual(['["i:9"]']);
    expect((await items(w)).map(row => row.id)).toEqual(['1', '2', '4']);
  },
);

test('of a table that Postgres refuses rows of the others arrive, and those of the tables behind it [G4]', async () => {
  await using w = await world();
  const slices = [
    { rows: [item(1, null, null), item(2)] },
    { table: 2, rows: [['k', '1', 'v']] },
    { table: 3, rows: [['7', 'a']] },
    { rows: [item(3), item(4, null, null)] },
  ];
  await w.apply(5, slices, { size: 5_000 });
  expect((await list(w.session)).map(({ key }) => key)).toEqual(['["i:1"]', '["i:4"]']);
  expect((await items(w)).map(({ id }) => id)).toEqual(['2', '3']);
  expect(await w.postgres.query('select b from pairs union all select _attacca_rowid from log')).toEqual([{ b: '1' }, { b: '7' }]);
});

test('a misfit takes the older version of its row out of the target [G4]', async () => {
  await using w = await world();
  await w.apply(5, [{ rows: [item(1), item(2)] }]);
  await w.apply(6, [{ misfits: [misfit('["i:1"]', ['1'])] }]);
  expect((await items(w)).map(row => row.id)).toEqual(['2']);
});

test('a row without a Postgres key leaves quarantine when it is gone [G4]', async () => {
  await using w = await world();
  await w.apply(5, [{ table: 2, misfits: [misfit('["i:1","x:00"]', undefined), misfit('["i:2","x:00"]', undefined)] }]);
  await w.apply(6, [{ table: 2, vanished: ['["i:1","x:00"]'] }]);
  expect((await list(w.session)).map(row => row.key)).toEqual(['["i:2","x:00"]']);
});

test('a row that fits leaves quarantine, and no row of another table that has its key; one that is refused twice stands there once [G4]', async () => {
  await using w = await world();
  const twice = [misfit('["i:1"]', ['1']), misfit('["i:1"]', ['1'])];
  await w.apply(5, [{ misfits: twice }, { table: 3, misfits: [misfit('["i:1"]', ['1'])] }]);
  expect((await list(w.session)).map(({ table }) => table)).toEqual([1, 3]);
  await w.apply(6, [{ table: 3, rows: [['1', 'fits']] }]);
  expect((await list(w.session)).map(({ table }) => table)).toEqual([1]);
});

test('of the rows that share a key with NULL those leave quarantine that are gone [G4]', async () => {
  await using w = await world();
  const nulls = (...names: string[]) => names.map(name => misfit(name, undefined));
  const kept = async () => (await list(w.session)).map(row => row.key);
  await w.apply(5, [{ table: 2, misfits: nulls('[null,"i:1","i:1"]', '[null,"i:1","i:2"]', '[null,"i:10","i:3"]') }]);
  await w.apply(6, [{ table: 2, vanished: ['[null,"i:1"]'], misfits: nulls('[null,"i:1","i:2"]') }]);
  expect(await kept()).toEqual(['[null,"i:10","i:3"]', '[null,"i:1","i:2"]']);
  await w.apply(7, [{ table: 2, vanished: ['[null,"i:1"]'] }]);
  expect(await kept()).toEqual(['[null,"i:10","i:3"]']);
});

test('rows with large values arrive, however many megabytes a batch is', async () => {
  await using w = await world();
  const large = (id: number): PgRow => [String(id), 'x', null, null, `\\x${String(id % 10).repeat(3_000_000)}`, null];
  await w.apply(5, [{ rows: Array.from({ length: 9 }, (_, i) => large(i + 1)) }]);
  const held = await w.postgres.query(`select count(*), sum(length(b)) from items where get_byte(b, 9) = id * 17`);
  expect(held).toEqual([{ count: '9', sum: '13500000' }]);
});

test('a batch of few rows that hold much is not gathered in memory', async () => {
  await using w = await world();
  const large = (id: number): PgRow => [String(id), 'x', null, null, `\\x${'0'.repeat(6_000_000)}`, null];
  const taken: number[] = [];
  const slices = function* () {
    const way = taken.push(0) - 1;
    for (let id = 1; id <= 6; id++) {
      taken[way] = id;
      yield { table: 1, rows: [large(id)], gone: [], misfits: [] };
    }
  };
  await w.apply(4, []); // the first batch always goes the other way
  await w.apply(5, [], { size: 6, slices });
  expect(taken).toEqual([2, 6, 6]); // then it went the way that holds two portions
  expect(await w.postgres.query('select count(*) from items')).toEqual([{ count: '6' }]);
});

test('a text too long for an index is quarantined, not fatal [G4]', async () => {
  await using w = await world();
  await buildIndexes(w.session, PLAN, () => undefined);
  // Random, because Postgres compresses what repeats.
  const incompressible = Array.from(crypto.getRandomValues(new Uint8Array(20_000)), byte => byte.toString(36)).join('');
  await w.apply(5, [{ rows: [item(1, 'short'), item(2, incompressible)] }]);
  expect((await items(w)).map(row => row.id)).toEqual(['1']);
  expect((await list(w.session)).map(row => row.key)).toEqual(['["i:2"]']);
});

test.each(WAYS)(
  'a replaced table holds exactly the new rows, and none of it waits in quarantine that does not come again: $way [G4]',
  async ({ more }) => {
    await using w = await world();
    await w.apply(
      5,
      [
        { rows: [item(1), item(2)], misfits: [misfit('["i:3"]', ['3'])] },
        {
          table: 3,
          rows: [
            ['1', 'a'],
            ['2', 'b'],
          ],
          misfits: [misfit('["i:3"]', ['3'])],
        },
      ],
      more,
    );
    await w.apply(6, [{ table: 3, rows: [['7', 'b']] }], { ...more, replaced: [3] });
    expect(await w.postgres.query('select * from log')).toEqual([{ _attacca_rowid: '7', line: 'b' }]);
    expect((await list(w.session)).map(({ table }) => table)).toEqual([1]);
    expect((await items(w)).length).toBe(2);
  },
);

test('replica role keeps foreign key actions silent while parents are replaced', async () => {
  await using w = await world();
  await addForeignKeys(w.session, PLAN, () => undefined);
  await w.apply(5, [{ table: 4, rows: [['1', '1']] }, { rows: [item(1)] }]);
  await w.apply(6, [{ rows: [item(1, 'new')] }], { size: 5_000 });
  expect(await w.postgres.query('select * from notes')).toEqual([{ id: '1', item: '1' }]);
});

test.each(['mirroring', 'finished', 'switching_back'])('no batch from SQLite is taken once Postgres is primary: %s [G8]', async phase => {
  await using w = await world();
  await w.apply(4, []);
  await w.postgres.query('update attacca.control set phase = $1', [phase]);
  await expect(w.apply(5, [{ rows: [item(1)] }])).rejects.toMatchObject({ disposition: 'halt' });
  await expect(w.apply(5, [{ rows: [item(1)] }], { size: 5_000 })).rejects.toMatchObject({ disposition: 'halt' });
  expect(await items(w)).toEqual([]);
});

test('what a small batch believes of quarantine and suspensions holds when it is written, or it goes the other way [G4]', async () => {
  await using w = await world();
  await w.apply(4, []);
  await w.postgres.query(`update attacca.snapshot set suspended = 'too many' where table_id = 2`);
  await w.apply(5, [{ table: 2, rows: [['k', '1', null]] }]);
  expect(await w.postgres.query('select a from pairs')).toEqual([]);
  await put(w.session, PLAN.tables[0]!, [misfit('["i:1"]', ['1'])]);
  await w.apply(6, [{ rows: [item(1)] }]);
  expect(await list(w.session)).toEqual([]);
});

test('a target without a checkpoint halts; it is not position zero [G7]', async () => {
  await using w = await world();
  await w.postgres.query('update attacca.control set seq = null');
  await expect(postgresSink({ session: w.session, plan: PLAN, writer: WRITER }).checkpoint()).rejects.toMatchObject({
    disposition: 'halt',
  });
});

test('a late batch of a dead controller waits for the living one, and is then a replay [G2]', async () => {
  await using w = await world();
  const living = await otherSession(w.postgres.url);
  await living.query('begin; select 1 from attacca.control for update');
  const late = w.apply(5, [{ rows: [item(1, 'late')] }]);
  await expect.poll(() => w.postgres.query('select from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0')).toHaveLength(1);
  await living.query('update attacca.control set seq = 6, nonce = 6000; commit');
  await late;
  expect(await items(w)).toEqual([]);
  await living.end();
});

test('a rehearsal writes one row of each table; one that breaks what it was never asked about is left, anything else is told [G7]', async () => {
  await using w = await world();
  await w.apply(2, [{ rows: [item(1)] }, { table: 4, rows: [['1', null]] }]);
  await w.session.query(opening(0n));
  await w.postgres.query('alter table items add constraint large check (id > 100) not valid');
  const places = async () => (await w.postgres.query('select (select ctid from items) as items, (select ctid from notes) as notes'))[0];
  expect(await places()).toEqual({ items: '(0,1)', notes: '(0,1)' });
  await rewriteRows(w.session, PLAN);
  expect(await places()).toEqual({ items: '(0,1)', notes: '(0,2)' });
  await w.postgres.query('drop table pairs');
  await expect(rewriteRows(w.session, PLAN)).rejects.toMatchObject({ sqlstate: '42P01' });
});
