/*
 * A rollback without Postgres: every order of crashes, of Postgres being there or not, and of an application that never reads the flag,
 * walked from the durable record in SQLite to the end.
 */
import { expect, test } from 'vitest';
import { afterLoss, forgotten, LOSS_EPOCHS, type LossStep, nextLossStep } from '../../src/cutover/loss.ts';
import { PHASES, type Phase } from '../../src/cutover/phase.ts';

const EPOCH = 7n;

/** What is durable. `writers`: statements in Postgres that are past its fence. `lost`: `kept` has every change that only Postgres has. */
type World = {
  readonly pending: boolean;
  readonly flag: bigint;
  readonly phase: Phase;
  readonly epoch: bigint;
  readonly fenced: bigint | undefined;
  readonly writers: number;
  readonly onlyThere: number;
  readonly kept: number | undefined;
};

type Steps = Readonly<Record<Exclude<LossStep, 'wait' | 'done'>, (world: World) => World>>;

/** What each step does to what is durable: the contract that accepted-loss.ts fulfils. */
const STEPS: Steps = {
  flag: world => ({ ...world, flag: EPOCH }),
  fence: world => ({ ...world, fenced: EPOCH }),
  move: world => ({ ...world, phase: afterLoss(world.phase), epoch: EPOCH, onlyThere: world.onlyThere + world.writers, writers: 0 }),
  follow: world => ({ ...world, kept: world.onlyThere, pending: false }),
};

const recordsOf = (world: World, reachable: boolean) => ({
  sqlite: { epoch: EPOCH, pending: world.pending },
  flagEpoch: world.flag,
  postgres: reachable ? { epoch: world.epoch, fenced: world.fenced } : undefined,
});

/** Every world that can follow: a step done or died before, Postgres there or not, a write where Postgres lets one in. */
function successors(world: World, steps: Steps): World[] {
  const open = world.fenced === undefined || world.fenced < EPOCH;
  const written = open && world.onlyThere < 2 ? [{ ...world, onlyThere: world.onlyThere + 1 }] : [];
  const late = world.writers > 0 ? [{ ...world, writers: world.writers - 1, onlyThere: world.onlyThere + 1 }] : [];
  const done = [true, false].flatMap(reachable => {
    const step = nextLossStep(recordsOf(world, reachable));
    return step === 'wait' || step === 'done' ? [] : [steps[step](world)];
  });
  return [...written, ...late, ...done];
}

const nameOf = (world: World): string => JSON.stringify(world, (_, value) => (typeof value === 'bigint' ? String(value) : value));

/** All worlds that can be reached from any phase in which Postgres can hear of it, also one that has forgotten the cutover. */
function explore(steps: Steps = STEPS): World[] {
  const begun = PHASES.slice(PHASES.indexOf('shadowing')).filter(phase => phase !== 'finished');
  const known = new Map<string, World>();
  const open: World[] = begun.flatMap(phase =>
    [EPOCH - 1n, EPOCH - LOSS_EPOCHS].flatMap(epoch =>
      [undefined, EPOCH - LOSS_EPOCHS, EPOCH - 1n].map(fenced => ({
        ...{ pending: true, flag: EPOCH - LOSS_EPOCHS, phase, epoch, fenced, writers: 1, onlyThere: 0, kept: undefined },
      })),
    ),
  );
  for (let world = open.pop(); world !== undefined; world = open.pop()) {
    if (known.has(nameOf(world))) continue;
    known.set(nameOf(world), world);
    open.push(...successors(world, steps));
  }
  return [...known.values()];
}

/** Why a world in which nothing is left to do must not be. */
function wrong(world: World): string | undefined {
  if (nextLossStep(recordsOf(world, true)) !== 'done') return undefined;
  if (world.fenced !== EPOCH) return 'Postgres is open';
  if (world.phase !== 'shadowing' || world.epoch !== EPOCH) return `Postgres stands at ${world.phase} ${world.epoch}`;
  if (world.flag !== EPOCH) return 'the flag names Postgres';
  if (world.kept !== world.onlyThere) return 'a change that only Postgres has is not kept';
  return undefined;
}

const faults = (worlds: readonly World[]): string[] => [...new Set(worlds.flatMap(world => wrong(world) ?? []))];

test('whatever dies when, it ends with Postgres fenced, following, the flag at SQLite, and every lost change kept [G8]', () => {
  const worlds = explore();
  expect(worlds.length).toBeGreaterThan(200);
  expect(faults(worlds)).toEqual([]);
});

test('from every world it ends by itself once Postgres is there', () => {
  for (let world of explore()) {
    for (let left = 10; ; left--) {
      const step = nextLossStep(recordsOf(world, true));
      if (step === 'done' || step === 'wait') break;
      expect(left, nameOf(world)).toBeGreaterThan(0);
      world = STEPS[step](world);
    }
    expect(nextLossStep(recordsOf(world, true))).toBe('done');
  }
});

test.each<{ guard: string; broken: Partial<Steps>; says: string }>([
  {
    guard: 'the lock that waits for writers past the fence',
    broken: { move: w => ({ ...w, phase: 'shadowing', epoch: EPOCH }) },
    says: 'not kept',
  },
  {
    guard: 'the fence',
    broken: {
      fence: w => ({ ...w, fenced: EPOCH, onlyThere: w.onlyThere, writers: w.writers + 1 }),
      move: w => ({ ...w, phase: 'shadowing', epoch: EPOCH }),
    },
    says: 'not kept',
  },
  { guard: 'the record that is taken back last', broken: { move: w => ({ ...STEPS.move(w), pending: false }) }, says: 'not kept' },
])('without $guard a fault is found', ({ broken, says }) => {
  expect(faults(explore({ ...STEPS, ...broken })).join()).toContain(says);
});

test('SQLite cannot have been opened with loss before there was a cutover to forget, nor after finish', () => {
  for (const phase of ['preparing', 'copying', 'catching_up', 'finished'] as const) expect(() => afterLoss(phase)).toThrow(phase);
});

test('what Postgres has forgotten shows in the phase that it should have left before the file was opened or closed [G8]', () => {
  const known = (primary: 'sqlite' | 'postgres', epoch = 3n, same = true): Phase[] =>
    PHASES.filter(phase => forgotten({ primary, epoch: 3n }, { phase, epoch, same }) === undefined);
  expect(known('postgres')).toEqual(PHASES.slice(PHASES.indexOf('verifying')));
  expect(known('sqlite')).toEqual([...PHASES.slice(0, PHASES.indexOf('mirroring')), 'switching_back']);
  expect(known('postgres', 3n, false)).toEqual(PHASES.slice(PHASES.indexOf('mirroring'))); // there the mirror looks at it
  expect(known('sqlite', 3n, false)).toEqual(known('sqlite'));
  for (const primary of ['sqlite', 'postgres'] as const) {
    expect(known(primary, 4n)).toEqual(PHASES); // a switch that is under way, or was aborted, has the next epoch
    expect(known(primary, 2n)).toEqual([]);
  }
});
