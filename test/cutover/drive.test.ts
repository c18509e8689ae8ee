import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Actions, drive, type Outcome, type PhaseStore, recover } from '../../src/cutover/drive.ts';
import { type Event, isSwitching, type Phase, primaryIn } from '../../src/cutover/phase.ts';

/** What is durable: the phase, and who is open. */
type Durable = { phase: Phase; sqlite: boolean; postgres: boolean };

/** A call that fails: before it had its effect, or after (its answer was lost); the process lives on or dies with it. */
type Fault = { readonly call: number; readonly effect: 'before' | 'after'; readonly dies: boolean };

class Died extends Error {}

/** Store, actions and outcome of one process over what is durable; the calls in `faults` fail, and none has an effect after a death. */
function process(durable: Durable, faults: readonly Fault[]) {
  let calls = 0;
  let dead = false;
  const step = async <T>(effect: () => T): Promise<T> => {
    if (dead) throw new Died();
    const fault = faults.find(({ call }) => call === calls);
    calls++;
    const result = fault?.effect === 'before' ? undefined : effect();
    expect(durable.sqlite && durable.postgres).toBe(false);
    if (fault === undefined) return result as T;
    dead = fault.dies;
    throw dead ? new Died() : new Error('injected');
  };
  const does =
    (event: Event, effect: () => void = () => undefined) =>
    () =>
      step(() => {
        effect();
        return event;
      });
  const advance: PhaseStore['advance'] = (from, to) =>
    step(() => {
      if (durable.phase !== to && durable.phase !== from) throw new Error(`the phase is ${durable.phase}, not ${from}`);
      durable.phase = to;
    });
  const store: PhaseStore = { load: () => step(() => durable.phase), advance, step: advance };
  const actions: Actions = {
    fencing: does('held'),
    draining: does('drained'),
    verifying: does('matched', () => {
      durable.sqlite = false;
    }),
    switching: does('switched', () => {
      durable.postgres = true;
    }),
    fencing_back: does('held'),
    draining_back: does('drained'),
    // Postgres's fence commits together with the phase.
    verifying_back: does('matched', () => {
      durable.postgres = false;
      durable.phase = 'switching_back';
    }),
    switching_back: does('switched', () => {
      durable.sqlite = true;
    }),
  };
  const outcome: Outcome = async (phase, leave) =>
    leave(await step(() => (phase === 'verifying' && !durable.sqlite ? 'matched' : 'abort')));
  return [store, actions, outcome] as const;
}

const begin = (phase: 'fencing' | 'fencing_back'): Durable => ({ phase, sqlite: phase === 'fencing', postgres: phase === 'fencing_back' });
const settled = ({ phase, sqlite, postgres }: Durable): void => {
  expect(isSwitching(phase)).toBe(false);
  expect({ sqlite, postgres }).toEqual({ sqlite: primaryIn(phase) === 'sqlite', postgres: primaryIn(phase) === 'postgres' });
};

test.each([
  ['fencing', 'mirroring'],
  ['fencing_back', 'shadowing'],
] as const)('undisturbed, a switch that stands at %s ends at %s', async (first, last) => {
  const durable = begin(first);
  expect(await drive(...process(durable, []))).toBe(last);
  expect(durable.phase).toBe(last);
  settled(durable);
});

const fault: fc.Arbitrary<Fault> = fc.record({
  call: fc.nat({ max: 16 }),
  effect: fc.constantFrom('before', 'after'),
  dies: fc.boolean(),
});
const faultsOfEachProcess = fc.array(fc.array(fault, { maxLength: 4 }), { minLength: 1, maxLength: 4 });

test('whatever fails or dies, in whatever number of processes: never both open, and the next start settles it with one open [G8]', async () => {
  const ends = new Map<Phase, number>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('fencing' as const, 'fencing_back' as const),
      faultsOfEachProcess,
      async (first, [own = [], ...later]) => {
        const durable = begin(first);
        await drive(...process(durable, own)).catch(() => undefined);
        for (const faults of later) await recover(...process(durable, faults)).catch(() => undefined);
        const phase = await recover(...process(durable, []));
        expect(phase).toBe(durable.phase);
        ends.set(phase, (ends.get(phase) ?? 0) + 1);
        settled(durable);
      },
    ),
    { numRuns: 1_000 },
  );
  expect(Math.min(ends.get('shadowing') ?? 0, ends.get('mirroring') ?? 0)).toBeGreaterThan(100);
});

/** The calls of an undisturbed cutover: load, action, advance for each of its four phases, and a last load. */
const CALLS = 13;

test.each(Array.from({ length: CALLS }, (_, call) => call))(
  'one failure at call %i: it aborts with that failure, or it is finished',
  async call => {
    for (const effect of ['before', 'after'] as const) {
      const durable = begin('fencing');
      const ended = await drive(...process(durable, [{ call, effect, dies: false }])).then(
        phase => phase,
        (error: Error) => error.message,
      );
      if (isSwitching(durable.phase)) {
        // Nothing could be read, or the fence is up: the next start goes on from here.
        expect(ended).toBe('injected');
        await recover(...process(durable, []));
      } else if (durable.phase === 'shadowing') {
        expect(ended).toBe('injected');
      }
      settled(durable);
    }
  },
);

test('a failed switch is not tried again by itself: it aborts once and says why', async () => {
  const durable = begin('fencing');
  let tries = 0;
  const [store, actions, outcome] = process(durable, []);
  const refusal = new Error('the sides differ');
  const failing = {
    ...actions,
    verifying: async (): Promise<Event> => {
      tries++;
      throw refusal;
    },
  };
  await expect(drive(store, failing, outcome)).rejects.toBe(refusal);
  expect(tries).toBe(1);
  expect(durable).toEqual({ phase: 'shadowing', sqlite: true, postgres: false });
});

test('where steps that were not waited for have failed, the phase that stands is left, and nothing is tried again [G8]', async () => {
  const durable = begin('fencing');
  const [store, actions, outcome] = process(durable, []);
  let stepped: Phase | undefined;
  const unstored: PhaseStore = {
    ...store,
    async load() {
      const known = stepped;
      stepped = undefined;
      return known ?? (await store.load());
    },
    async step(_, to) {
      stepped = to;
    },
  };
  const refusal = new Error('the phase is no longer verifying');
  let tries = 0;
  const failing = {
    ...actions,
    verifying: async (): Promise<Event> => {
      tries++;
      throw refusal;
    },
  };
  await expect(drive(unstored, failing, outcome)).rejects.toBe(refusal);
  expect([tries, durable]).toEqual([1, { phase: 'shadowing', sqlite: true, postgres: false }]);
});

test('a failure after the fence leaves the phase, for the next start', async () => {
  const durable = begin('fencing');
  const [store, actions, outcome] = process(durable, []);
  const failing = { ...actions, switching: async () => Promise.reject(new Error('the flag is not writable')) };
  await expect(drive(store, failing, outcome)).rejects.toThrow('the flag is not writable');
  expect(durable).toEqual({ phase: 'switching', sqlite: false, postgres: false });
  expect(await recover(store, actions, outcome)).toBe('mirroring');
});

test('another controller that moved on is never overruled', async () => {
  const durable = begin('fencing');
  const [store, actions, outcome] = process(durable, []);
  const meddling = {
    ...actions,
    draining: async (): Promise<Event> => {
      durable.phase = 'switching';
      return 'drained';
    },
    switching: async () => Promise.reject(new Error('seen')),
  };
  await expect(drive(store, meddling, outcome)).rejects.toThrow('seen');
  expect(durable.phase).toBe('switching');
});

test.each(['preparing', 'copying', 'catching_up', 'shadowing', 'mirroring', 'finished'] as const)(
  'outside a switch there is nothing to do: %s',
  async phase => {
    const durable: Durable = { phase, sqlite: primaryIn(phase) === 'sqlite', postgres: primaryIn(phase) === 'postgres' };
    const [store] = process(durable, []);
    const none = new Proxy({} as Actions, { get: () => expect.unreachable('no action belongs here') });
    expect(await drive(store, none, async () => 'abort')).toBe(phase);
    expect(await recover(store, none, async () => 'abort')).toBe(phase);
  },
);

test('a fence whose commit arrives after its process was killed is found by the one that settles: it goes on from there [G8]', async () => {
  const durable: Durable = { phase: 'verifying_back', sqlite: false, postgres: true };
  const [store, actions, outcome] = process(durable, []);
  const late: PhaseStore = {
    ...store,
    advance(from, to) {
      if (to === 'mirroring') Object.assign(durable, { phase: 'switching_back', postgres: false });
      return store.advance(from, to);
    },
  };
  expect(await recover(late, actions, outcome)).toBe('shadowing');
  settled(durable);
});
