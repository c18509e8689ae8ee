import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Refused } from '../../src/change/errors.ts';
import { forward } from '../../src/cutover/forward.ts';
import type { SwitchPorts } from '../../src/cutover/ports.ts';
import { stopwatch } from '../../src/cutover/stopwatch.ts';
import { ITEM, PLAN } from '../support/memory.ts';
import { explore, type Mutation, openWorld, soundPorts, violations } from './world.ts';

test('whatever call fails or dies, and whatever fails or dies while that is settled: one side open, flag and phase agree, no write lost [G8] [G2]', async () => {
  const tried = await explore('cutover', {}, true);
  expect(violations(tried)).toEqual({});
  expect(tried.length).toBeGreaterThan(1_000);
  expect(tried[0]).toMatchObject({ faults: [], phase: 'mirroring' });
  expect(new Set(tried.map(({ phase }) => phase))).toEqual(new Set(['shadowing', 'mirroring']));
});

/** SQLite's fence is reported as committed, and is not. */
const forgetfulFence = (sound: SwitchPorts): SwitchPorts => ({
  ...sound,
  sqlite: {
    ...sound.sqlite,
    hold: async (...given) => ({ ...(await sound.sqlite.hold(...given)), raise: async () => ({ close: async () => undefined }) }),
  },
});

test('a fence that was not durable never leads to two open sides: Postgres stays closed for want of the record [G8]', async () => {
  const found = violations(await explore('cutover', { ports: forgetfulFence }));
  expect(Object.keys(found)).not.toContain('both sides are open');
  expect(Object.keys(found)).toContain('still switching');
});

/*
 * Without one of the guards the same search finds what it was there for: so the search can find it.
 */
test.each<{ guard: string; mutation: Mutation; finds: string }>([
  {
    guard: 'the closed record is read before Postgres opens',
    mutation: {
      ports: forgetfulFence,
      actions: (ports, { durable }) => ({
        async switching() {
          await ports.postgres.open({ epoch: durable.epoch, head: durable.postgres.checkpoint });
          return 'switched';
        },
      }),
    },
    finds: 'both sides are open',
  },
  {
    guard: 'Postgres opens before the flag names it',
    mutation: {
      actions: (ports, { durable }) => ({
        async switching() {
          await ports.flag.write({ primary: 'postgres', epoch: durable.epoch });
          await ports.postgres.open({ epoch: durable.epoch, head: ports.sqlite.record().head });
          return 'switched';
        },
      }),
    },
    finds: 'the flag names a closed side',
  },
  {
    guard: 'the drain reads on the connection that holds the lock',
    mutation: {
      ports(sound, world) {
        const older = world.source.state();
        return {
          ...sound,
          sqlite: { ...sound.sqlite, hold: async (...given) => ({ ...(await sound.sqlite.hold(...given)), state: () => older }) },
        };
      },
    },
    finds: 'Postgres lost an acknowledged write',
  },
  {
    guard: 'what was interrupted is settled by the durable record',
    mutation: {
      ports: (sound, { durable }) => ({ ...sound, sqlite: { ...sound.sqlite, record: () => ({ ...durable.sqlite, primary: 'sqlite' }) } }),
    },
    finds: 'not exactly one side is open',
  },
  {
    guard: 'the flag is written at all',
    mutation: {
      actions: (ports, { durable }) => ({
        async switching() {
          await ports.postgres.open({ epoch: durable.epoch, head: ports.sqlite.record().head });
          return 'switched';
        },
      }),
    },
    finds: 'the flag names a closed side',
  },
])('the search finds what is wrong without this: $guard', async ({ mutation, finds }) => {
  expect(Object.keys(violations(await explore('cutover', mutation)))).toContain(finds);
});

const cutover = (ports: SwitchPorts, maxPauseMs: number) =>
  forward(ports, { plan: PLAN, epoch: 1n, maxPauseMs, watch: stopwatch(() => 0) });

test('when the pause runs out during the drain the application writes again at once, and the switch is refused by name [G9]', async () => {
  const world = openWorld();
  world.write();
  const sound = soundPorts(world);
  const slow: SwitchPorts = {
    ...sound,
    postgres: {
      ...sound.postgres,
      async apply(batch) {
        while (world.locks.sqlite) await delay(1);
        world.write();
        await sound.postgres.apply(batch);
      },
    },
  };
  const actions = cutover(slow, 20);
  await actions.fencing();
  expect(world.locks.sqlite).toBe(true);
  await expect(actions.draining()).rejects.toThrow(Refused);
  expect(world.source.head.seq).toBe(2n);
  await expect(actions.verifying()).rejects.toMatchObject({ blockers: [{ code: 'pause-budget' }] });
  expect(world.durable.sqlite.primary).toBe('sqlite');
  actions.release();
});

test('while the fence is committed the pause gives nothing back any more [G8]', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const world = openWorld();
  const sound = soundPorts(world);
  const slow: SwitchPorts = {
    ...sound,
    sqlite: {
      ...sound.sqlite,
      async hold(...given) {
        const held = await sound.sqlite.hold(...given);
        const raise: typeof held.raise = async epoch => {
          const fence = await held.raise(epoch);
          return {
            close(record) {
              vi.advanceTimersByTime(60_000);
              return fence.close(record);
            },
          };
        };
        return { ...held, raise };
      },
    },
  };
  const actions = cutover(slow, 60_000);
  await actions.fencing();
  await actions.draining();
  Object.assign(world.durable, { phase: 'verifying', epoch: 1n });
  expect(await actions.verifying()).toBe('matched');
  expect(world.durable.sqlite.primary).toBe('postgres');
});

test('a difference among the changed rows refuses the switch before the fence, and says what to do [G9]', async () => {
  const world = openWorld();
  world.write();
  const actions = cutover(soundPorts(world), 60_000);
  await actions.fencing();
  await actions.draining();
  Object.assign(world.durable, { phase: 'verifying', epoch: 1n });
  world.target.tables.get(ITEM.id)!.clear();
  await expect(actions.verifying()).rejects.toMatchObject({
    blockers: [{ code: 'differences', remedy: expect.stringContaining('attacca verify --repair') }],
  });
  expect(world.durable.sqlite.primary).toBe('sqlite');
  actions.release();
  expect(world.locks.sqlite).toBe(false);
});

test('a process that holds nothing carries no step out', async () => {
  const world = openWorld();
  const actions = cutover(soundPorts(world), 60_000);
  await expect(actions.draining()).rejects.toThrow('its lock is gone');
  await expect(actions.verifying()).rejects.toThrow('its lock is gone');
  await expect(actions.switching()).rejects.toThrow('SQLite has no durable record that it is closed at epoch 1');
  world.durable.sqlite = { ...world.durable.sqlite, primary: 'postgres', epoch: 0n };
  await expect(actions.switching(), 'closed in another switch').rejects.toThrow('closed at epoch 1');
});
