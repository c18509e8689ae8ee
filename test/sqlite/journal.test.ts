import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, renameSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Mark, Rows } from '../../src/change/change.ts';
import { SourceMoved } from '../../src/change/errors.ts';
import type { SourceState } from '../../src/change/ports.ts';
import { evolve } from '../../src/plan/evolve/evolve.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { adopt, look } from '../../src/sqlite/capture/adopt.ts';
import { captureTriggers } from '../../src/sqlite/capture/capture.ts';
import { examine } from '../../src/sqlite/capture/health.ts';
import { install } from '../../src/sqlite/capture/install.ts';
import { headMark } from '../../src/sqlite/capture/marking.ts';
import { doorbell } from '../../src/sqlite/journal/doorbell.ts';
import { type Journal, journal } from '../../src/sqlite/journal/journal.ts';
import { readMarks } from '../../src/sqlite/journal/marks.ts';
import { type Database, isBusy, openSource } from '../../src/sqlite/open.ts';
import { schemaVersion } from '../../src/sqlite/read/values.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { persist, writeTransaction } from '../../src/sqlite/transaction.ts';
import { model } from './model.ts';
import { planOf, scratch, stored } from './planned.ts';

/** A file with capture and a reader on it whose batches go into a model. */
async function following(schema: string, options: { readonly wal?: boolean } = {}) {
  const world = scratch(schema, options);
  const { db, path } = world;
  let plan = planOf(readSchema(db));
  const start = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  const bell = doorbell(path);
  let source: Journal = journal({ path, plan, wake: bell.wake });
  const stop = new AbortController();
  const target = model(plan);
  let batches = source.read(start, stop.signal)[Symbol.asyncIterator]();
  let last = start;
  return {
    db,
    path,
    get source() {
      return source;
    },
    stop,
    target,
    start,
    /** Applies the next batch and returns what it replaced. */
    async step(): Promise<Rows & { position: Mark }> {
      const { value } = await batches.next();
      if (value === undefined) throw new Error('the journal ended');
      target.apply(value.changes);
      last = value.position;
      return { ...value.changes, position: value.position };
    },
    /** What the controller does when the plan does not fit any more: returns the plan from then on. */
    async follow(): Promise<Plan> {
      await expect(this.step()).rejects.toBeInstanceOf(SourceMoved);
      source[Symbol.dispose]();
      const seen = look(db, plan);
      const stats = (): never => {
        throw new Error('no new column, no new table');
      };
      const evolution = evolve(plan, { ...seen, hazards: [], stats });
      expect(await adopt(db, evolution.plan, { version: seen.version, whole: evolution.whole }, 1_000)).toBe(true);
      plan = evolution.plan;
      source = journal({ path, plan, wake: bell.wake });
      batches = source.read(last, stop.signal)[Symbol.asyncIterator]();
      return plan;
    },
    /** Applies batches until one of them reaches the present head. */
    async caughtUp(): Promise<void> {
      while ((await this.step()).position.seq < headMark(db).seq);
    },
    /** Nothing is marked: the reader is waiting when this settles. */
    next: () => batches.next(),
    equal(): void {
      for (const table of plan.tables) expect(target.rows(table.id)).toEqual(stored(db, table));
    },
    [Symbol.dispose]() {
      stop.abort();
      void batches.return?.(undefined);
      source[Symbol.dispose]();
      bell[Symbol.dispose]();
      world[Symbol.dispose]();
    },
  };
}

const T = 'create table t (id integer primary key, v)';

test('a batch is everything committed since the last one, as one state [G3]', async () => {
  using world = await following(T);
  world.db.exec("begin; insert into t values (1, 'a'), (2, 'b'); update t set v = 'c' where id = 2; delete from t where id = 1; commit");
  const batch = await world.step();
  expect(batch).toMatchObject({ marks: 4, size: 2, replaced: [] });
  expect(batch.position).toEqual(headMark(world.db));
  world.equal();
  world.db.exec("insert into t values (3, 'd')");
  expect((await world.step()).size).toBe(1);
  world.equal();
});

test('the file was restored: the anchor has another nonce, and reading halts [G7]', async () => {
  using world = await following(T);
  world.db.exec('update _attacca_journal set nonce = 0');
  await expect(world.step()).rejects.toMatchObject({
    disposition: 'halt',
    message: 'the SQLite file, or Postgres, was restored or lost its last commits',
  });
});

test('the anchor is gone: reading halts [G7]', async () => {
  using world = await following(T, { wal: false });
  world.db.exec('insert into t values (1, 1); delete from _attacca_journal where seq = 1');
  await expect(world.step()).rejects.toMatchObject({ disposition: 'halt' });
  world.db.pragma('busy_timeout = 0');
  expect(() => world.db.exec('insert into t values (2, 2)'), 'who halts lets the file go [G6]').not.toThrow();
});

test('VACUUM numbers keyless rows anew: the table is replaced whole [G1]', async () => {
  using world = await following('create table t (v); create table k (id integer primary key)');
  world.db.exec("insert into t values ('a'), ('b'), ('c'); insert into k values (5)");
  await world.step();
  world.db.exec("delete from t where v = 'a'; vacuum; insert into t values ('d')");
  const batch = await world.step();
  expect(batch.replaced).toEqual([2]);
  world.equal();
  world.db.exec("update t set v = 'e' where rowid = 1");
  expect((await world.step()).replaced).toEqual([]);
  world.equal();
});

test('a table rebuild drops our triggers: they come back and the table is replaced [G1]', async () => {
  using world = await following(`${T}; create table other (id integer primary key)`);
  world.db.exec("insert into t values (1, 'a')");
  await world.step();
  world.db.exec(
    `begin; create table n (id integer primary key, v); insert into n select * from t; drop table t; alter table n rename to t; commit`,
  );
  world.db.exec("insert into t values (2, 'unseen')");
  expect((await world.step()).replaced).toEqual([2]);
  world.equal();
  world.db.exec("insert into t values (3, 'seen')");
  expect((await world.step()).replaced).toEqual([]);
  world.equal();
});

test('a rebuild that puts our triggers back itself is found all the same [G1]', async () => {
  using world = await following(T);
  world.db.exec("insert into t values (1, 'a')");
  await world.step();
  const triggers = world.db.prepare("select sql from sqlite_schema where type = 'trigger'").pluck().all() as string[];
  world.db.exec(
    "create table n (id integer primary key, v); insert into n select id, 'copied' from t; drop table t; alter table n rename to t",
  );
  for (const sql of triggers) world.db.exec(sql);
  world.db.exec('vacuum');
  expect((await world.step()).replaced).toEqual([1]);
  world.equal();
  world.db.exec("insert into t values (2, 'seen')");
  expect((await world.step()).replaced).toEqual([]);
  world.equal();
});

test('a new unique index is a new way to be evicted: triggers and a replaced table [G1]', async () => {
  using world = await following(T);
  world.db.exec("insert into t values (1, 'a')");
  await world.step();
  world.db.exec("create unique index i on t (v); replace into t values (2, 'a')");
  await world.follow();
  expect((await world.step()).replaced).toEqual([1]);
  world.equal();
  world.db.exec("replace into t values (3, 'a')");
  expect((await world.step()).replaced).toEqual([]);
  world.equal();
});

test('a newer trigger that fails before ours leaves a row unmarked: the table is replaced, and ours are the newest again [G1]', async () => {
  using world = scratch('create table t (id integer primary key, v); create table log (v check (v < 3))');
  const { db } = world;
  await install(db, planOf(readSchema(db)), { install: 'i', target: 't' }, 1_000);
  db.exec('create trigger newer after insert on t begin insert into log values (new.v); end');
  expect(() => db.exec('insert or fail into t values (1, 2), (2, 3)')).toThrow();
  const plan = planOf(readSchema(db));
  expect(examine(db, plan)).toEqual({ state: 'unhooked', tables: [2] });
  await adopt(db, plan, { version: schemaVersion(db), whole: [] }, 1_000);
  expect(examine(db, plan)).toEqual({ state: 'fine' });
  const { seq } = headMark(db);
  expect(() => db.exec('insert or fail into t values (3, 2), (4, 3)')).toThrow();
  const target = model(plan);
  target.apply(readMarks(db, plan, seq, headMark(db).seq));
  expect(target.rows(2)).toEqual([JSON.stringify(['i:3', 'i:2']), JSON.stringify(['i:4', 'i:3'])]);
});

test('an ordinary index, ANALYZE or a dropped unique index is no reason to copy again', async () => {
  using world = await following(
    'create table t (id integer primary key, v, w); create unique index a on t (v); create unique index b on t (w)',
  );
  world.db.exec('create index i on t (v, w); insert into t values (1, 1, 1); analyze; drop index a');
  await world.follow();
  expect((await world.step()).replaced).toEqual([]);
  world.db.exec('replace into t values (2, 2, 1)');
  await world.caughtUp();
  world.equal();
});

test('an index that is gone leaves no trigger behind: its column can be dropped [G6]', async () => {
  using world = await following(
    'create table t (id integer primary key, v, w); create unique index a on t (v); create unique index b on t (w)',
  );
  world.db.exec('drop index b');
  await world.follow();
  expect(() => world.db.exec('alter table t drop column w')).not.toThrow();
});

test.each([
  ['a new column', 'alter table t add column w'],
  ['a dropped column', 'alter table t drop column v'],
  ['a renamed column', 'alter table t rename column v to w'],
  ['a dropped table', 'drop table t'],
  ['a renamed table', 'alter table t rename to u'],
  ['a new table', 'create table u (id integer primary key)'],
  ['an index', 'create index i on t (v)'],
  ['a column that goes and comes back', 'alter table t drop column v; alter table t add column v'],
  ['another key', 'begin; drop table t; create table t (id integer, v); commit'],
])('%s: the plan does not fit any more, and nothing is read until it does [G3]', async (_, change) => {
  using world = await following(T);
  world.db.exec(`insert into t values (1, 1); ${change}`);
  await expect(world.step()).rejects.toBeInstanceOf(SourceMoved);
});

test("somebody drops the journal: capture goes at once, so that the application's writes go on [G6]", async () => {
  using world = await following(T);
  world.db.exec('drop table _attacca_journal');
  await expect(world.step()).rejects.toBeInstanceOf(SourceMoved);
  expect(captureTriggers(world.db)).toEqual([]);
  expect(() => world.db.exec('insert into t values (1, 1)')).not.toThrow();
});

test('another file takes the name: the old one is not followed any longer', async () => {
  using world = await following(T);
  const waiting = world.step();
  world.db.exec('begin; insert into t values (1, 1); commit');
  await waiting;
  const next = world.step();
  copyFileSync(world.path, `${world.path}.copy`);
  renameSync(`${world.path}.copy`, world.path);
  await expect(next).rejects.toBeInstanceOf(SourceMoved);
});

test.each([true, false])('a pinned state is exactly what the sink holds, while writes go on (wal: %s) [G3]', async wal => {
  using world = await following(T, { wal });
  const states: SourceState[] = [];
  world.db.exec('insert into t values (1, 1)');
  world.db.pragma('busy_timeout = 0');
  const write = (n: number): void => {
    try {
      world.db.exec(`insert into t values (${n + 100}, 'x'); update t set v = ${n}`); // the next batch, always
    } catch (error) {
      if (wal || !isBusy(error)) throw error; // an application without WAL waits for readers
    }
  };
  const running = (async () => {
    for (let n = 0; ; n++) {
      const batch = await world.step().catch(() => undefined);
      if (batch === undefined) return;
      write(n);
    }
  })();
  for (let n = 0; n < 3; n++) {
    const rows = await world.source.pin(async state => {
      states.push(state);
      return {
        pinned: state
          .chunk(1, null, 10_000)
          .rows.map(row => JSON.stringify(row))
          .sort(),
        held: world.target.rows(1),
        count: state.count(1),
      };
    });
    expect(rows.pinned).toEqual(rows.held);
    expect(rows.count).toBe(rows.held.length);
    states.pop()?.close(); // at once: in rollback-journal mode it is in the way of the writer
  }
  world.stop.abort();
  await running;
});

test('a pin is served while nothing happens', async () => {
  using world = await following(T);
  const waiting = world.next();
  const position = await world.source.pin(async state => {
    const { position } = state;
    state.close();
    return position;
  });
  expect(position).toEqual(headMark(world.db));
  world.stop.abort();
  expect((await waiting).done).toBe(true);
});

test('a state that nobody takes is closed: it would keep the WAL from being reset [G6]', async () => {
  using world = await following(T);
  let open: SourceState | undefined;
  const pin = world.source.pin(async state => {
    open = state;
    throw new RangeError('no other side');
  });
  const reading = world.next();
  await expect(pin).rejects.toThrow(RangeError);
  expect(() => open?.count(1)).toThrow('not open');
  world.stop.abort();
  await reading;
});

test('a pin fails where the file cannot be opened again for what comes after it', async () => {
  using world = await following(T);
  world.db.exec("insert into t values (1, 'a')");
  const pin = world.source.pin(async () => undefined);
  await world.step(); // the batch is held for it
  renameSync(world.path, `${world.path}.away`);
  const reading = world.next();
  await expect(pin).rejects.toMatchObject({ disposition: 'retry' });
  await expect(reading).rejects.toMatchObject({ disposition: 'retry' });
});

test('a pin fails when reading ends', async () => {
  using world = await following(T);
  const pin = world.source.pin(async () => undefined);
  world.source[Symbol.dispose]();
  await expect(pin).rejects.toMatchObject({ disposition: 'retry' });
  await expect(
    world.source.pin(async () => undefined),
    'it has ended',
  ).rejects.toMatchObject({ disposition: 'retry' });

  using stopped = await following(T);
  const waiting = stopped.source.pin(async () => undefined);
  stopped.stop.abort();
  expect((await stopped.next()).done).toBe(true);
  await expect(waiting).rejects.toMatchObject({ disposition: 'retry' });
});

test('after a pin the journal is asked when there may be news, and not all the time', async () => {
  using world = await following(T);
  let asked = 0;
  const never = new AbortController();
  const wake = (signal: AbortSignal): Promise<void> =>
    new Promise(resolve => {
      asked++;
      if (signal.aborted) setImmediate(resolve);
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  using source = journal({ path: world.path, plan: planOf(readSchema(world.db)), wake });
  const reading = source.read(world.start, never.signal)[Symbol.asyncIterator]().next();
  for (let pins = 1; pins <= 3; pins++) {
    await source.pin(async state => state.close());
    for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
    expect(asked).toBeLessThanOrEqual(1 + pins);
  }
  never.abort();
  await reading;
});

test('a batch that takes long to apply is not held for a pin: the WAL would grow meanwhile [G6]', async () => {
  using world = await following(T);
  const pin = world.source.pin(async state => state.close());
  world.db.exec('with recursive n (i) as (select 1 union all select i + 1 from n where i < 20001) insert into t select i, 1 from n');
  await world.step();
  world.db.exec('insert into t values (-1, 1)');
  const [, written, copied] = world.db.prepare('pragma wal_checkpoint(passive)').raw().get() as bigint[];
  expect(copied).toBe(written);
  await world.step();
  const next = world.next();
  await pin;
  world.stop.abort();
  await next;
});

test('a file that is locked keeps nobody here waiting in SQLite: everything else of the daemon goes on [G6]', async () => {
  using world = await following(T, { wal: false });
  world.db.exec('begin exclusive; insert into t values (1, 1)');
  const step = world.step();
  const began = performance.now();
  for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
  expect(performance.now() - began).toBeLessThan(1_000); // one wait inside SQLite alone takes longer
  world.db.exec('commit');
  expect((await step).size).toBe(1);
});

test('no read lock is held while a batch is applied, in rollback-journal mode [G6]', async () => {
  using world = await following(T, { wal: false });
  world.db.exec('insert into t values (1, 1)');
  await world.step();
  world.db.pragma('busy_timeout = 0');
  expect(() => world.db.exec('insert into t values (2, 2)')).not.toThrow();
});

test('nor is it held for a pin that waits: one is given in an idle moment, in rollback-journal mode [G6]', async () => {
  using world = await following(T, { wal: false });
  const pin = world.source.pin(async state => state.close());
  world.db.exec('insert into t values (1, 1)');
  await world.step();
  world.db.pragma('busy_timeout = 0');
  expect(() => world.db.exec('insert into t values (2, 2)')).not.toThrow();
  await world.step();
  const next = world.next();
  await pin;
  world.stop.abort();
  await next;
});

test('while a state is held the WAL can begin anew, however long that lasts [G6]', async () => {
  using world = await following(T);
  world.db.exec('insert into t values (1, 1)');
  await world.step();
  const next = world.next();
  await new Promise(setImmediate); // it waits
  const length = (): bigint => (world.db.prepare('pragma wal_checkpoint(noop)').raw().get() as bigint[])[1]!;
  const before = length();
  const after = await world.source.pin(async state => {
    using _held = { [Symbol.dispose]: () => state.close() };
    world.db.exec('insert into t values (2, 2)');
    return length();
  });
  expect(after).toBeLessThan(before);
  world.stop.abort();
  await next;
});

test('a writer that waits for the read which a pin would keep goes first, and the pin has what it wrote (rollback-journal mode) [G6]', async () => {
  using world = await following(T, { wal: false });
  using writer = openSource(world.path, { waitMs: 0 });
  writer.exec("begin; insert into t values (1, 'a')");
  let committing: Promise<unknown> | undefined;
  const onHead = (): void => {
    committing ??= persist(() => writer.exec('commit'), 5_000);
  };
  using source = journal({ path: world.path, plan: planOf(readSchema(world.db)), wake: () => new Promise(setImmediate), onHead });
  const pin = source.pin(async state => {
    using _closed = { [Symbol.dispose]: () => state.close() };
    return [state.position, state.count(1)];
  });
  const batches = source.read(world.start, world.stop.signal)[Symbol.asyncIterator]();
  expect((await batches.next()).value?.position).toEqual(headMark(world.db));
  const next = batches.next();
  expect(await pin).toEqual([headMark(world.db), 1]);
  await committing;
  world.stop.abort();
  await next;
});

test('marks by several writers, read while they write, give committed states only [G3]', async () => {
  using world = await following('create table t (id integer primary key, v integer)');
  const writers: Database[] = [openSource(world.path), openSource(world.path)];
  const write = async (db: Database, from: number): Promise<void> => {
    for (let n = 0; n < 100; n++)
      await writeTransaction(db, 5_000, () => db.exec(`replace into t values (${from + n}, 1); replace into t values (${-from - n}, -1)`));
  };
  const writing = Promise.all(writers.map((db, index) => write(db, 1 + index * 1000)));
  for (let rows = 0; rows < 400; rows = world.target.rows(1).length) {
    await world.step();
    expect(world.target.rows(1).length % 2).toBe(0); // both rows of a transaction, or none
  }
  await writing;
  for (const db of writers) db.close();
  world.equal();
});

test('a writer that is committing when the journal is opened is waited for (rollback-journal mode) [G6]', async () => {
  using world = scratch('create table t (id integer primary key)', { wal: false });
  const plan = planOf(readSchema(world.db));
  const script = `const d = new (require('better-sqlite3'))(process.argv[1]); d.exec('begin exclusive'); console.log('locked');
    setTimeout(() => d.exec('commit'), 300)`;
  const child = spawn(process.execPath, ['-e', script, world.path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  journal({ path: world.path, plan, wake: async () => undefined })[Symbol.dispose]();
  await exited;
});
