/*
 * Every guard of the protocol by name, and what the world is like without it. `backedUpBy`: without this guard alone nothing goes
 * wrong, because another one stands behind it; without both something does.
 */
import type { Phase } from '../../src/cutover/phase.ts';
import { type Effect, type Effects, synced, unsynced, withProcess } from './effects.ts';
import { NOBODY, type State, walLength } from './state.ts';
import type { Mutation } from './steps.ts';
import type { Call } from './tree.ts';

/** How far the explorer must go to find it. */
export type Bounds = {
  readonly faults: number;
  readonly switches: number;
  /** Starts of a second process beside the first. */
  readonly seconds: number;
  readonly writes: readonly [obedient: number, slow: number, disobedient: number];
};

export type Guard = { readonly name: string; readonly without: Mutation; readonly bounds?: Partial<Bounds>; readonly finds: RegExp };

const done = (state: State, value?: Effect['value']): Effect => ({ state, ok: true, value });
const effects = (changed: (sound: Effects) => Effects): Mutation => ({ effects: sound => ({ ...sound, ...changed(sound) }) });

/** `effect` with something more done when it has succeeded. */
const and =
  (effect: Effects[string] | undefined, more: (after: State, args: Call['args'], before: State) => State): Effects[string] =>
  (s, who, args) => {
    const after = effect!(s, who, args);
    return after?.ok ? { ...after, state: more(after.state, args, s) } : after;
  };

const packedHere = ({ primary, closedAt, head, lsn, here, journal, nextHere }: State): string =>
  JSON.stringify({ primary, closedAt, head, lsn, here, journal, nextHere });

/** Nothing is locked: other writers go on, and the commit takes the lock for itself. */
const UNHELD = effects(({ close }) => ({
  hold: s => (s.held === NOBODY ? done(s) : undefined),
  heldState: (s, who) => done(withProcess(s, who, { source: s.here }), s.journal.length),
  heldIds: s => done(s, s.nextHere),
  close: (s, who, args) => (s.held === NOBODY ? close!({ ...s, held: who }, who, args) : undefined),
}));

const UNCOMPARED: Mutation = effects(() => ({
  advance: (s, _, [, to]) => done(synced({ ...s, phase: to as Phase })),
  begin: (s, _, [, to, epoch]) => done(synced({ ...s, phase: to as Phase, epoch: Number(epoch) })),
  open: s => done(synced({ ...s, open: true })),
  fence: (s, who) =>
    s.locked === who ? done(synced({ ...s, locked: NOBODY, open: false, phase: 'switching_back' })) : { state: s, ok: false },
}));

export const GUARDS: readonly Guard[] = [
  {
    name: 'SQLite is fenced before Postgres opens',
    without: effects(({ prepare }) => ({ prepare: and(prepare, s => ({ ...s, open: true })) })),
    finds: /both sides/,
  },
  {
    name: 'phases move by compare-and-set on phase and epoch',
    without: UNCOMPARED,
    bounds: { seconds: 1, faults: 1, switches: 2, writes: [0, 0, 0] },
    finds: /./,
  },
  {
    name: 'the closed record in SQLite is read before Postgres opens',
    without: effects(() => ({ record: s => done(s, `postgres ${s.epoch} ${s.checkpoint}`) })),
    bounds: { faults: 1 },
    finds: /both sides/,
  },
  {
    name: 'what changed is compared under the lock',
    without: {
      ...effects(({ compare }) => ({ compare: (s, who, args) => ({ ...compare!(s, who, args)!, value: true }) })),
      corrupts: true,
    },
    finds: /lacks an acknowledged write/,
  },
  {
    name: 'the lock is held from before the drain until the fence has committed',
    without: UNHELD,
    finds: /lacks an acknowledged write/,
  },
  {
    name: 'the drain reads on the connection that holds the lock, not an older state',
    without: effects(({ heldState }) => ({
      heldState: (s, who, args) => ({
        ...heldState!(withProcess(s, who, {}), who, args)!,
        state: withProcess(s, who, { source: s.there }),
        value: s.checkpoint,
      }),
    })),
    finds: /lacks an acknowledged write/,
  },
  {
    name: 'the fence is on the disk (synchronous=EXTRA) before Postgres opens',
    without: effects(({ close }) => ({ close: and(close, (after, _, before) => ({ ...after, hereDurable: packedHere(before) })) })),
    bounds: { faults: 1 },
    finds: /both sides/,
  },
  {
    name: 'Postgres commits synchronously in a switch',
    without: effects(sound =>
      Object.fromEntries(
        ['advance', 'begin', 'prepare', 'open', 'resumeAt', 'setVerified', 'watermark', 'fence'].map(name => [
          name,
          and(sound[name], (after, _, before) => unsynced(before, after)),
        ]),
      ),
    ),
    bounds: { faults: 1 },
    finds: /./,
  },
  {
    name: 'phases that are stored lazily are on the disk before SQLite is fenced',
    without: effects(({ prepare }) => ({ prepare: and(prepare, (after, _, before) => unsynced(before, after)) })),
    bounds: { faults: 1 },
    finds: /phase names a closed side|nothing leads on/,
  },
  {
    name: 'SQLite is fenced only when the phase, which is not waited for, has come to verifying',
    without: effects(({ prepare }) => ({
      prepare: (s, who, args) => {
        const after = prepare!({ ...s, phase: 'verifying', epoch: Number(args[0]) }, who, args)!;
        return { ...after, state: { ...after.state, phase: s.phase, epoch: s.epoch } };
      },
    })),
    bounds: { faults: 1 },
    finds: /phase names a closed side|nothing leads on/,
  },
  {
    name: 'Postgres opens before the flag names it',
    without: {
      unguarded: ({ sqlite, postgres, flag }, _, epoch) => ({
        async switching() {
          const { head } = sqlite.record();
          await flag.write({ primary: 'postgres', epoch });
          await postgres.open({ epoch, head });
          return 'switched';
        },
      }),
    },
    finds: /flag names a closed side/,
  },
  {
    name: 'the flag never goes back to an older epoch',
    without: effects(() => ({
      flag: (s, _, [primary, epoch]) => done({ ...s, flag: primary as State['flag'], flagEpoch: Number(epoch) }),
    })),
    bounds: { faults: 1, switches: 2, seconds: 1, writes: [0, 0, 0] },
    finds: /flag names|nothing leads on/,
  },
  {
    name: 'Postgres’s sequences are set before it opens',
    without: effects(({ prepare }) => ({ prepare: (s, who, [epoch]) => prepare!(s, who, [epoch, s.nextThere]) })),
    bounds: { writes: [2, 0, 0] },
    finds: /given twice|lacks an acknowledged write/,
  },
  {
    name: 'SQLite’s sequences are raised when it opens again',
    without: effects(({ reopen }) => ({ reopen: (s, who, [epoch]) => reopen!(s, who, [epoch, 0]) })),
    bounds: { switches: 2, writes: [1, 1, 0] },
    finds: /given twice|lacks an acknowledged write/,
  },
  {
    name: 'the mirror starts at the place in the WAL that the fence recorded',
    without: effects(({ advance }) => ({
      advance: and(advance, (s, [from]) => (from === 'switching' ? { ...s, lsn: walLength(s.wal) } : s)),
    })),
    bounds: { switches: 2 },
    finds: /differ|lacks an acknowledged write/,
  },
  {
    name: 'the slot is there before Postgres opens',
    without: { lateSlot: true },
    finds: /differ|nothing leads on/,
  },
  {
    name: 'drained is what SQLite has stored, not what has arrived',
    without: effects(({ reached }) => ({
      reached: (s, who, args) => (s.wal.includes(`w${args[0]}`) ? done(s) : reached!(s, who, args)),
    })),
    bounds: { switches: 2 },
    finds: /lacks an acknowledged write/,
  },
  {
    name: 'Postgres’s tables stay locked while the mirror drains',
    without: effects(({ lock, fence }) => ({
      lock: (s, who, args) => (lock!(s, who, args) === undefined ? undefined : done(s)),
      fence: (s, who, args) => fence!({ ...s, locked: who }, who, args),
    })),
    bounds: { switches: 2, writes: [1, 0, 1] },
    finds: /lacks an acknowledged write/,
  },
  {
    name: 'the lock of Postgres’s tables waits for transactions that are writing',
    without: effects(() => ({ lock: (s, who) => (s.locked === NOBODY ? done({ ...s, locked: who }) : undefined) })),
    bounds: { switches: 2, writes: [1, 0, 1] },
    finds: /lacks an acknowledged write/,
  },
  {
    name: 'Postgres’s fence commits together with the phase',
    without: effects(({ fence }) => ({ fence: and(fence, s => ({ ...s, phase: 'verifying_back' })) })),
    bounds: { switches: 2, faults: 1 },
    finds: /phase names a closed side|nothing leads on/,
  },
  {
    name: 'SQLite opens only after Postgres is fenced',
    without: effects(({ stop, reopen }) => ({
      stop: and(stop, s => reopen!({ ...s, held: 0 }, 0, [s.epoch, s.nextThere])!.state),
    })),
    bounds: { switches: 2 },
    finds: /both sides/,
  },
  {
    name: 'an SQLite that is open already is not opened again',
    without: {
      unguarded: ({ sqlite, postgres, flag }, _, epoch) => ({
        async switching_back() {
          const held = await sqlite.hold(1, await postgres.checkpoint());
          const fence = await held.lower(epoch);
          const head = await fence.open(await postgres.usedIds());
          await flag.write({ primary: 'sqlite', epoch });
          await postgres.resumeAt(head);
          return 'switched';
        },
      }),
    },
    bounds: { switches: 2, faults: 1 },
    finds: /nothing leads on/,
  },
  {
    name: 'SQLite opens before the flag names it',
    without: {
      unguarded: ({ sqlite, postgres, flag }, _, epoch) => ({
        async switching_back() {
          await flag.write({ primary: 'sqlite', epoch });
          const { primary, head } = sqlite.record();
          if (primary === 'sqlite') await postgres.resumeAt(head);
          else {
            const held = await sqlite.hold(1, await postgres.checkpoint());
            const fence = await held.lower(epoch);
            await postgres.resumeAt(await fence.open(await postgres.usedIds()));
          }
          return 'switched';
        },
      }),
    },
    bounds: { switches: 2 },
    finds: /flag names a closed side/,
  },
  {
    name: 'an interrupted cutover is judged under SQLite’s lock',
    without: effects(() => ({ still: s => done(s) })),
    bounds: { faults: 1, seconds: 1 },
    finds: /phase names a closed side/,
  },
  {
    name: 'one controller: the advisory lock lives and dies with the session that moves the phases',
    without: { noLock: true },
    bounds: { seconds: 1, switches: 2, writes: [0, 0, 0] },
    finds: /./,
  },
];

const UNDRAINED = effects(({ apply }) => ({ apply: (s, who, args) => (s.phase === 'draining' ? done(s) : apply!(s, who, args)) }));
const ALWAYS_EQUAL = effects(({ compare }) => ({ compare: (s, who, args) => ({ ...compare!(s, who, args)!, value: true }) }));
const UNCHECKED = effects(({ open }) => ({ open: (s, who, [epoch]) => open!(s, who, [epoch, s.checkpoint]) }));

const all = (...mutations: Mutation[]): Mutation => ({
  unguarded: (...given) => Object.assign({}, ...mutations.map(({ unguarded }) => unguarded?.(...given))),
  effects: sound => mutations.reduce((changed, { effects }) => effects?.(changed) ?? changed, sound),
});

/** Three guards stand one behind the other: the drain, the comparison, and the checkpoint that is read before Postgres opens. */
export const ALONE: readonly Omit<Guard, 'finds'>[] = [
  { name: 'the drain (the comparison refuses)', without: UNDRAINED },
  { name: 'the checkpoint that equals the drained head', without: UNCHECKED, bounds: { faults: 1 } },
];

export const TOGETHER: readonly Guard[] = [
  {
    name: 'the drain and the comparison (Postgres refuses to open: its checkpoint is not the drained head)',
    without: all(UNDRAINED, ALWAYS_EQUAL),
    finds: /nothing leads on/,
  },
  {
    name: 'Postgres’s checkpoint equals the drained head before it opens, nor drain and comparison',
    without: all(UNDRAINED, ALWAYS_EQUAL, UNCHECKED),
    finds: /Postgres is open and lacks an acknowledged write/,
  },
];
