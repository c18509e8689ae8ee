import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { back } from '../../src/cutover/back.ts';
import type { SwitchPorts } from '../../src/cutover/ports.ts';
import { stopwatch } from '../../src/cutover/stopwatch.ts';
import { markOf, PLAN } from '../support/memory.ts';
import { carryOut, explore, type Mutation, openWorld, soundPorts, violations } from './world.ts';

test('whatever call fails or dies, and whatever fails or dies while that is settled: one side open, nothing that Postgres acknowledged is lost [G8] [G10]', async () => {
  const tried = await explore('rollback', {}, true);
  expect(violations(tried)).toEqual({});
  expect(tried.length).toBeGreaterThan(1_000);
  expect(tried[0]).toMatchObject({ faults: [], phase: 'shadowing' });
  expect(new Set(tried.map(({ phase }) => phase))).toEqual(new Set(['shadowing', 'mirroring']));
});

/*
 * Without one of the guards the same search finds what it was there for: so the search can find it.
 */
test.each<{ guard: string; mutation: Mutation; finds: string }>([
  {
    guard: "Postgres's fence commits with the phase",
    mutation: {
      ports: (sound, { durable, locks }) => ({
        ...sound,
        postgres: {
          ...sound.postgres,
          lock: async budget => ({
            ...(await sound.postgres.lock(budget)),
            async close() {
              durable.phase = 'switching_back';
              locks.postgres = false;
            },
          }),
        },
      }),
    },
    finds: 'both sides are open',
  },
  {
    guard: 'SQLite opens only after that',
    mutation: {
      actions: ({ sqlite }, { durable }) => ({
        async verifying_back() {
          const held = await sqlite.hold(1, markOf(0));
          await (await held.lower(durable.epoch)).open(new Map());
          return 'matched';
        },
      }),
    },
    finds: 'both sides are open',
  },
  {
    guard: 'the mirror has drained',
    mutation: { mirror: sound => ({ ...sound, reached: async () => undefined }) },
    finds: 'SQLite lost an acknowledged write',
  },
  {
    guard: 'the tables stay locked while it drains',
    mutation: {
      ports: (sound, { locks }) => ({
        ...sound,
        postgres: {
          ...sound.postgres,
          async lock(budget) {
            const locked = await sound.postgres.lock(budget);
            locks.postgres = false;
            const close: typeof locked.close = async epoch => {
              locks.postgres = true;
              await locked.close(epoch);
            };
            return { ...locked, close };
          },
        },
      }),
    },
    finds: 'SQLite lost an acknowledged write',
  },
  {
    guard: 'an SQLite that is open already is not opened again: its head would hide what was written since',
    mutation: {
      actions: ({ sqlite, postgres, flag }, { durable }) => ({
        async switching_back() {
          const held = await sqlite.hold(1, markOf(0));
          await postgres.resumeAt(await (await held.lower(durable.epoch)).open(new Map()));
          await flag.write({ primary: 'sqlite', epoch: durable.epoch });
          return 'switched';
        },
      }),
    },
    finds: 'Postgres lost an acknowledged write',
  },
  {
    guard: 'SQLite opens before the flag names it',
    mutation: {
      actions: ({ sqlite, postgres, flag }, { durable }) => ({
        async switching_back() {
          await flag.write({ primary: 'sqlite', epoch: durable.epoch });
          const held = await sqlite.hold(1, markOf(0));
          await postgres.resumeAt(await (await held.lower(durable.epoch)).open(new Map()));
          return 'switched';
        },
      }),
    },
    finds: 'the flag names a closed side',
  },
])('the search finds what is wrong without this: $guard', async ({ mutation, finds }) => {
  expect(Object.keys(violations(await explore('rollback', mutation)))).toContain(finds);
});

const fault = fc.record({ step: fc.nat({ max: 26 }), effect: fc.constantFrom('before' as const, 'after' as const), dies: fc.boolean() });
const switches = fc.array(fc.array(fc.array(fault, { maxLength: 3 }), { maxLength: 3 }), { minLength: 1, maxLength: 6 });

test('there and back, time and again, with any faults: every write that was acknowledged is on both sides after each switch [G8] [G10]', async () => {
  await fc.assert(
    fc.asyncProperty(switches, async schedule => {
      const world = openWorld();
      for (const faults of schedule) {
        world.write();
        await carryOut(world, world.durable.phase === 'mirroring' ? 'rollback' : 'cutover', faults);
        expect(world.violations).toEqual([]);
      }
    }),
    { numRuns: 200 },
  );
});

test('states and locks are let go even when the other side cannot be read', async () => {
  const world = openWorld();
  let open = 0;
  const sound = soundPorts(world);
  for (const broken of ['sqlite', 'postgres', 'usedIds'] as const) {
    const fail = (what: typeof broken): void => {
      if (broken === what) throw new Error('unreadable');
    };
    const actions = back(
      {
        ...sound,
        sqlite: {
          ...sound.sqlite,
          async hold(...given) {
            const held = await sound.sqlite.hold(...given);
            return {
              ...held,
              state() {
                fail('sqlite');
                open++;
                return { ...held.state(), close: () => void open-- };
              },
            };
          },
        },
        postgres: {
          ...sound.postgres,
          async state() {
            fail('postgres');
            open++;
            return { ...(await sound.postgres.state()), close: async () => void open-- };
          },
          async usedIds() {
            fail('usedIds');
            return sound.postgres.usedIds();
          },
        },
      },
      {
        plan: PLAN,
        epoch: 1n,
        maxPauseMs: 60_000,
        watch: stopwatch(() => 0),
        token: 'token',
        mirror: { reached: async () => undefined, stop: async () => undefined },
      },
    );
    await actions.fencing_back();
    await expect(actions.verifying_back()).rejects.toThrow('unreadable');
    await actions.release();
    expect(open).toBe(0);
    expect(world.locks).toEqual({ sqlite: false, postgres: false });
  }
});

test('when the pause runs out while the mirror drains, the tables are free again and the switch is refused by name [G9]', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const world = openWorld();
  const sound = soundPorts(world);
  const stuck = (_: string, signal: AbortSignal): Promise<void> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  const actions = back(sound, {
    plan: PLAN,
    epoch: 1n,
    maxPauseMs: 20,
    watch: stopwatch(() => 0),
    token: 'token',
    mirror: { reached: stuck, stop: async () => expect.unreachable('it has not drained') },
  });
  await actions.fencing_back();
  expect(world.locks.postgres).toBe(true);
  const draining = expect(actions.draining_back()).rejects.toMatchObject({ blockers: [{ code: 'pause-budget' }] });
  vi.advanceTimersByTime(20);
  await draining;
  expect(world.locks.postgres).toBe(false);
  await expect(actions.verifying_back()).rejects.toMatchObject({ blockers: [{ code: 'pause-budget' }] });
  await actions.release();
});

test('the mirror has ended before SQLite is locked, and while the fence of Postgres is committed the pause gives nothing back [G8]', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const world = openWorld();
  const sound = soundPorts(world);
  const did: string[] = [];
  const ports: SwitchPorts = {
    ...sound,
    sqlite: {
      ...sound.sqlite,
      hold(...given) {
        did.push('hold');
        return sound.sqlite.hold(...given);
      },
    },
    postgres: {
      ...sound.postgres,
      async lock(budgetMs) {
        const locked = await sound.postgres.lock(budgetMs);
        const close: typeof locked.close = epoch => {
          vi.advanceTimersByTime(60_000);
          return locked.close(epoch);
        };
        return { ...locked, close };
      },
    },
  };
  const mirror = { reached: async () => undefined, stop: async () => void did.push('stop') };
  const actions = back(ports, { plan: PLAN, epoch: 1n, maxPauseMs: 60_000, watch: stopwatch(() => 0), token: 'token', mirror });
  await actions.fencing_back();
  await actions.draining_back();
  Object.assign(world.durable, { phase: 'verifying_back' });
  expect(await actions.verifying_back()).toBe('matched');
  expect(world.durable.phase).toBe('switching_back');
  expect(did).toEqual(['stop', 'hold']);
});

test('a file from before the cutover is not taken for one that this rollback has opened [G8] [G10]', async () => {
  const world = openWorld();
  const sound = soundPorts(world);
  const another = async (): Promise<never> => {
    throw new Error('it is another file');
  };
  const ports = { ...sound, sqlite: { ...sound.sqlite, hold: another } };
  const mirror = { reached: async () => undefined, stop: async () => undefined };
  const actions = back(ports, { plan: PLAN, epoch: 2n, maxPauseMs: 60_000, watch: stopwatch(() => 0), token: 'token', mirror });
  await expect(actions.switching_back()).rejects.toThrow('it is another file');
  expect(world.durable.flag.epoch).toBe(0n);
});
