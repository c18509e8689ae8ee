import { expect, test } from 'vitest';
import { actor } from '../../src/change/actor.ts';
import type { Seq } from '../../src/change/change.ts';
import { VERSION } from '../../src/change/version.ts';
import { audit, readWholeAudit } from '../../src/postgres/installed/audit.ts';
import {
  acquire,
  advance,
  clearHalt,
  isElsewhere,
  only,
  readControl,
  readVerifiedAge,
  record,
  resumeAt,
  setHalt,
} from '../../src/postgres/installed/control.ts';
import { connect } from '../../src/postgres/session/open.ts';
import { testPostgres } from '../support/postgres.ts';
import { INSTALL, mark, PLAN, world } from './world.ts';

test('a second controller is refused and told who the first one is [G9]', async () => {
  await using elsewhere = await testPostgres();
  await using another = await connect(elsewhere.url, { applicationName: 'attacca' });
  await acquire(another, 'sync of another database'); // which is on the same server
  await using postgres = await testPostgres();
  await using first = await connect(postgres.url, { applicationName: 'attacca' });
  await using second = await connect(postgres.url, { applicationName: 'attacca' });
  await acquire(first, 'sync on host-a');
  await expect(acquire(second, 'cutover on host-b')).rejects.toMatchObject({
    name: 'Refused',
    blockers: [{ code: 'controller-running', reason: expect.stringContaining(`"attacca sync on host-a" (server process ${first.pid}`) }],
  });
  await first.end();
  await expect
    .poll(() =>
      acquire(second, 'cutover on host-b').then(
        () => 'acquired',
        () => 'refused',
      ),
    )
    .toBe('acquired');
});

test('an installation is read back as it was written', async () => {
  await using w = await world();
  await record(w.session, { verifiedSeq: 4n as Seq, verifiedAt: 'now', fullVerifiedOk: true, slot: 'attacca_x' });
  await setHalt(w.session, 'why', 'what to do');
  const control = await readControl(w.session);
  expect(control).toMatchObject({
    install: INSTALL,
    phase: 'preparing',
    epoch: 0n,
    mark: mark(1),
    verifiedSeq: 4n,
    verifiedAt: expect.any(Date),
    fullVerifiedOk: true,
    slot: 'attacca_x',
    publication: null,
    halt: { reason: 'why', hint: 'what to do' },
  });
  expect(control?.plan).toEqual(PLAN);
  expect((await readControl(w.session))?.plan, 'what has not changed is not parsed again').toBe(control?.plan);
  await clearHalt(w.session);
  await audit(w.session, 'tested', { tables: 4 });
  expect((await readControl(w.session))?.halt).toBeNull();
  expect((await readWholeAudit(w.session)).filter(({ event }) => event === 'tested')).toMatchObject([
    { detail: { tables: 4 }, version: VERSION, by: actor() },
  ]);
});

test('where nothing is installed there is no control row', async () => {
  await using postgres = await testPostgres();
  await using session = await connect(postgres.url, { applicationName: 'attacca' });
  expect(await readControl(session)).toBeUndefined();
});

test('of two controllers that move the same phase one wins, the other halts [G8]', async () => {
  await using w = await world();
  await using other = await connect(w.postgres.url, { applicationName: 'attacca other' });
  const step = { from: 'preparing', to: 'copying', epoch: 0n } as const;
  const outcomes = await Promise.allSettled([advance(w.session, step), advance(other, step)]);
  expect(outcomes.map(outcome => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
  const lost = outcomes.find(outcome => outcome.status === 'rejected');
  expect(lost?.reason).toMatchObject({ disposition: 'halt', message: 'the phase is no longer preparing at epoch 0' });
  await advance(w.session, { from: 'copying', to: 'switching', epoch: 0n, nextEpoch: 1n, set: { verifiedSeq: 9n as Seq, slot: 's' } });
  expect(await readControl(w.session)).toMatchObject({ phase: 'switching', epoch: 1n, verifiedSeq: 9n, slot: 's' });
  await expect(advance(w.session, { from: 'switching', to: 'mirroring', epoch: 0n })).rejects.toMatchObject({ disposition: 'halt' });
});

test('what comes behind `only` happens where phase, epoch and checkpoint stand, and nowhere else [G8]', async () => {
  await using w = await world();
  await w.apply(5, [{}]);
  const attempt = (guard: string): Promise<unknown> =>
    w.session.query(`begin; ${guard}; create table public.made (); commit`).then(
      () => 'done',
      async error => {
        await w.session.query('rollback');
        return isElsewhere(error);
      },
    );
  expect(await attempt(only('switching', 0n))).toBe(true);
  expect(await attempt(only('preparing', 1n))).toBe(true);
  expect(await attempt(only('preparing', 0n, mark(4).seq))).toBe(true);
  expect(await w.postgres.query(`select to_regclass('public.made') as made`)).toEqual([{ made: null }]);
  expect(await attempt(only('preparing', 0n, mark(5).seq))).toBe('done');
  expect(await attempt('select nonsense')).toBe(false);
});

test('behind `only` nobody moves the phase before it has ended [G8]', async () => {
  await using w = await world();
  await using other = await connect(w.postgres.url, { applicationName: 'attacca other' });
  await w.session.query(`begin; ${only('preparing', 0n)}`);
  const moving = advance(other, { from: 'preparing', to: 'copying', epoch: 0n });
  const waits = () => w.postgres.query('select pid from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0');
  await expect.poll(waits).toEqual([{ pid: String(other.pid) }]);
  await w.session.query('commit');
  await moving;
});

test('a line of the timeline says when it was written, not when its transaction began', async () => {
  await using w = await world();
  await using other = await connect(w.postgres.url, { applicationName: 'attacca other' });
  await other.query('begin; select 1');
  await advance(w.session, { from: 'preparing', to: 'copying', epoch: 0n });
  await advance(other, { from: 'copying', to: 'catching_up', epoch: 0n });
  await other.query('commit');
  const lines = await w.postgres.query('select event from attacca.audit order by at');
  expect(lines.slice(-2)).toEqual([{ event: 'preparing → copying' }, { event: 'copying → catching_up' }]);
});

test('a step is on disk when it is made, unless it is lazy; the session is then as it was [G8]', async () => {
  await using w = await world();
  await w.postgres.query(`create table public.commits (mode text)`);
  await w.postgres.query(`create function public.note() returns trigger language plpgsql as
    $$ begin insert into public.commits values (current_setting('synchronous_commit')); return null; end $$`);
  await w.postgres.query('create trigger note after insert on attacca.audit execute function public.note()');
  await advance(w.session, { from: 'preparing', to: 'copying', epoch: 0n });
  await advance(w.session, { from: 'copying', to: 'catching_up', epoch: 0n, lazily: true });
  await advance(w.session, { from: 'catching_up', to: 'shadowing', epoch: 0n });
  expect(await w.postgres.query('select mode from public.commits')).toEqual([{ mode: 'on' }, { mode: 'off' }, { mode: 'on' }]);
});

test('a verification that lies in the future, because the clock was set back, is infinitely old; there may be none [G9]', async () => {
  await using w = await world();
  expect(await readVerifiedAge(w.session)).toBeNull();
  await record(w.session, { fullVerifiedAt: 'now' });
  expect(await readVerifiedAge(w.session)).toBeLessThan(3_600_000);
  await w.postgres.query(`update attacca.control set full_verified_at = now() + interval '1 hour'`);
  expect(await readVerifiedAge(w.session)).toBe(Number.POSITIVE_INFINITY);
});

test('where forward replication begins again, everything before counts as compared', async () => {
  await using w = await world();
  await resumeAt(w.session, mark(9));
  expect(await readControl(w.session)).toMatchObject({ mark: mark(9), verifiedSeq: 9n });
});
