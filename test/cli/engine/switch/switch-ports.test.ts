import { expect, test } from 'vitest';
import type { Lsn } from '../../../../src/change/change.ts';
import { SourceMoved } from '../../../../src/change/errors.ts';
import type { Installed } from '../../../../src/cli/engine/engine.ts';
import type { Ready } from '../../../../src/cli/engine/switch/ready.ts';
import { switchPorts } from '../../../../src/cli/engine/switch/switch-ports.ts';
import { opening, readFence } from '../../../../src/postgres/installed/fence.ts';
import { PostgresError } from '../../../../src/postgres/session/errors.ts';
import { connect, type Session } from '../../../../src/postgres/session/open.ts';
import { install } from '../../../../src/sqlite/capture/install.ts';
import { openWriter } from '../../../../src/sqlite/mirror/hold.ts';
import { readSchema } from '../../../../src/sqlite/schema/tables.ts';
import { INSTALL, mark, PLAN, type World, WRITER, world } from '../../../postgres/world.ts';
import { planOf, scratch } from '../../../sqlite/planned.ts';

function postgresOf({ session, postgres }: World) {
  const on = { engine: { main: session, flag: {} }, plan: PLAN, writer: WRITER } as unknown as Installed;
  const locker = () => connect(postgres.url, { applicationName: 'attacca rollback', pipelined: true });
  return switchPorts(on, {} as Parameters<typeof switchPorts>[1], 'slot', { locker } as unknown as Ready).postgres;
}

const stand = (w: World, phase: string): Promise<unknown> => w.postgres.query('update attacca.control set phase = $1', [phase]);

test('Postgres opens where phase, epoch and checkpoint are those of the record in SQLite, and nowhere else [G8]', async () => {
  await using w = await world();
  await w.apply(5, []);
  const postgres = postgresOf(w);
  for (const [phase, epoch, seq] of [
    ['verifying', 0n, 5],
    ['switching', 1n, 5],
    ['switching', 0n, 4],
  ] as const) {
    await stand(w, phase);
    await expect(postgres.open({ epoch, head: mark(seq) })).rejects.toMatchObject({ disposition: 'halt' });
    expect(await readFence(w.session)).toMatchObject({ closed: true });
  }
  await postgres.open({ epoch: 0n, head: mark(5) });
  expect(await readFence(w.session)).toMatchObject({ closed: false });
});

test('Postgres closes together with the phase, or not at all [G8]', async () => {
  await using w = await world();
  await w.session.query(opening(0n));
  for (const [phase, closed] of [
    ['draining_back', false],
    ['verifying_back', true],
  ] as const) {
    await stand(w, phase);
    const locked = await postgresOf(w).lock(10_000);
    const closing = locked.close(0n);
    if (closed) await closing;
    else await expect(closing).rejects.toMatchObject({ disposition: 'halt' });
    await locked.release();
    expect(await readFence(w.session)).toMatchObject({ closed });
  }
  expect(await w.postgres.query('select phase from attacca.control')).toEqual([{ phase: 'switching_back' }]);
});

test('a connection that breaks while Postgres is opened says nothing of where it stands [G8]', async () => {
  await using w = await world();
  const lost = new PostgresError('retry', 'connection lost', { hint: '' });
  const failing = [lost];
  const query: Session['query'] = async (statement, values) => {
    for (const error of failing.splice(0)) throw error;
    return await w.session.query(statement, values);
  };
  const { open } = postgresOf({ ...w, session: { ...w.session, query } });
  await expect(open({ epoch: 0n, head: mark(1) })).rejects.toBe(lost);
});

test('SQLite closes, and opens again after the ids that Postgres has used: while it mirrors, no checkpoint of Postgres is in its journal [G8] [G10]', async () => {
  using file = scratch('create table t (id integer primary key autoincrement, a)');
  const { plan, checkpoint, sqliteOf } = await following(file);
  const { hold, record } = sqliteOf(INSTALL);
  const closing = await hold(1_000, checkpoint);
  await (await closing.raise(1n)).close({ head: checkpoint, lsn: 5n as Lsn });
  expect(record()).toMatchObject({ primary: 'postgres', epoch: 1n });
  const opening = await hold(1_000, { ...checkpoint, nonce: 0n });
  await (await opening.lower(2n)).open(new Map([[plan.tables[0]!.id, 500n]]));
  expect(record()).toMatchObject({ primary: 'sqlite', epoch: 2n });
  expect(file.db.prepare('insert into t (a) values (1) returning id').pluck().get()).toBe(501n);
});

async function following(file: ReturnType<typeof scratch>) {
  const plan = planOf(readSchema(file.db));
  const checkpoint = await install(file.db, plan, { install: INSTALL, target: 't' }, 1_000);
  const sqliteOf = (installed: string) => {
    const engine = { facts: { systemIdentifier: '1', timeline: 1 }, flag: {} };
    const on = { engine, plan, install: installed, writer: WRITER } as unknown as Installed;
    const ready = { writer: () => openWriter(file.path), looker: () => file.db } as unknown as Ready;
    return switchPorts(on, {} as Parameters<typeof switchPorts>[1], 'slot', ready).sqlite;
  };
  return { plan, checkpoint, sqliteOf };
}

test('SQLite is held for a switch only while it is the file that was followed, as it was followed; else the lock goes back [G8] [G9]', async () => {
  using file = scratch('create table t (id integer primary key, a, c int)');
  const { checkpoint, sqliteOf } = await following(file);
  const { hold, record } = sqliteOf(INSTALL);
  const free = () => expect(() => file.db.exec('begin immediate; rollback')).not.toThrow();
  file.db.pragma('busy_timeout = 0');
  (await hold(1_000, checkpoint)).release();
  await expect(hold(1_000, { ...checkpoint, nonce: 0n })).rejects.toMatchObject({ disposition: 'halt' });
  free();
  expect(record()).toMatchObject({ primary: 'sqlite', epoch: 0n });
  expect(() => sqliteOf('another').record()).toThrow('the SQLite file has lost its record');
  file.db.exec('alter table t drop column c; alter table t add column c int');
  await expect(hold(1_000, checkpoint)).rejects.toBeInstanceOf(SourceMoved);
  free();
});
