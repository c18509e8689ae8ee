/*
 * A cutover and a rollback over a model of what is durable on both sides, tried with a failure at every call of a port.
 *
 * (1) `Durable` survives a death; `Locks` do not. Each call of a port is one step: a fault strikes before or after its effect.
 * (2) The application writes at every step, to both sides, like a new instance beside one that never heard of the flag.
 * (3) `violations` collects what must never be: it is looked for after every step, and once more when everything has settled.
 */
import type { Lsn, Mark, PgRow, Seq } from '../../src/change/change.ts';
import { back } from '../../src/cutover/back.ts';
import { type Actions, drive, type PhaseStore, recover } from '../../src/cutover/drive.ts';
import { forward } from '../../src/cutover/forward.ts';
import { outcomeOf } from '../../src/cutover/outcome.ts';
import { isSwitching, type Phase, primaryIn } from '../../src/cutover/phase.ts';
import type { HeldSqlite, LockedPostgres, SwitchPorts } from '../../src/cutover/ports.ts';
import { stopwatch } from '../../src/cutover/stopwatch.ts';
import type { FlagState } from '../../src/flag/flag.ts';
import { ITEM, type MemorySource, type MemoryTarget, markOf, memorySource, memoryTarget, nameOf, PLAN } from '../support/memory.ts';

export type Fault = { readonly step: number; readonly effect: 'before' | 'after'; readonly dies: boolean };

class Died extends Error {}

type WalEntry = { readonly row: PgRow } | { readonly token: string };
export type Mirror = { reached(token: string, signal: AbortSignal): Promise<void>; stop(): Promise<void> };

export type What = 'cutover' | 'rollback';

export type World = ReturnType<typeof openWorld>;

/** What a mutation replaces in every process: a guard that is gone, or a port that lies. */
export type Mutation = {
  readonly ports?: (sound: SwitchPorts, world: World) => SwitchPorts;
  readonly actions?: (ports: SwitchPorts, world: World) => Partial<Actions>;
  readonly mirror?: (sound: Mirror) => Mirror;
};

/** One SQLite file and one Postgres, equal, with SQLite primary at epoch 0 and a few rows. */
export function openWorld() {
  const source: MemorySource = memorySource();
  const target: MemoryTarget = memoryTarget();
  const wal: WalEntry[] = [];
  const durable = {
    phase: 'shadowing' as Phase,
    epoch: 0n,
    sqlite: { primary: 'sqlite' as 'sqlite' | 'postgres', epoch: 0n, head: markOf(0), lsn: 0 },
    postgres: { open: false, checkpoint: markOf(0), verified: 0n as Seq },
    flag: { primary: 'sqlite', epoch: 0n } as FlagState,
  };
  const locks = { sqlite: false, postgres: false };
  const acknowledged: PgRow[] = [];
  const violations: string[] = [];
  let written = 0;

  const world = {
    source,
    target,
    wal,
    durable,
    locks,
    violations,
    /** One write to each side that takes it now; what is taken is acknowledged to the application. */
    write(): void {
      // A new row each time, and now and then one that is there: a write that is lost stays lost.
      const id = ++written % 3 === 0 ? written - 1 : written;
      const row: PgRow = [`${id}`, `write ${written}`, null];
      if (durable.sqlite.primary === 'sqlite' && !locks.sqlite) {
        source.put(ITEM, row);
        acknowledged.push(row);
      }
      if (durable.postgres.open && !locks.postgres) {
        target.tables.get(ITEM.id)!.set(nameOf(ITEM, row), row);
        wal.push({ row });
        acknowledged.push(row);
      }
    },
    look(): void {
      const sqlite = durable.sqlite.primary === 'sqlite';
      if (sqlite && durable.postgres.open) violations.push('both sides are open');
      const { primary, epoch } = durable.flag;
      if (epoch === durable.epoch && (primary === 'sqlite' ? !sqlite : !durable.postgres.open))
        violations.push('the flag names a closed side');
    },
    /** Applies what the WAL holds beyond SQLite's position, with marks, as the mirror does. */
    mirror(): string[] {
      const entries = wal.slice(durable.sqlite.lsn);
      for (const entry of entries) if ('row' in entry) source.put(ITEM, entry.row);
      durable.sqlite.lsn = wal.length;
      return entries.flatMap(entry => ('token' in entry ? [entry.token] : []));
    },
    /** What the forward pipe does until it has caught up. */
    async follow(): Promise<void> {
      await target.apply(source.state().marked(durable.postgres.checkpoint.seq));
      durable.postgres.checkpoint = source.head;
    },
    /** What must be so once a switch has settled: exactly one side open, the flag agrees, and no acknowledged write is lost on either. */
    async settled(): Promise<void> {
      const { phase, sqlite, postgres, flag } = durable;
      if (isSwitching(phase)) violations.push(`still ${phase}`);
      if ((sqlite.primary === 'sqlite') === postgres.open) violations.push('not exactly one side is open');
      if (primaryIn(phase) !== (postgres.open ? 'postgres' : 'sqlite')) violations.push('the phase names a closed side');
      if (flag.primary !== (postgres.open ? 'postgres' : 'sqlite')) violations.push('the flag names a closed side');
      world.write();
      if (phase === 'shadowing') await world.follow();
      if (phase === 'mirroring') world.mirror();
      const newest = new Map(acknowledged.map(row => [nameOf(ITEM, row), row]));
      for (const [name, row] of newest) {
        if (source.tables.get(ITEM.id)!.get(name) !== row) violations.push('SQLite lost an acknowledged write');
        if (target.tables.get(ITEM.id)!.get(name) !== row) violations.push('Postgres lost an acknowledged write');
      }
    },
  };
  return world;
}

/** The ports of one process. `step` stands around every effect. */
function portsOf(
  world: World,
  step: <T>(effect: () => T) => Promise<T>,
  now: <T>(effect: () => T) => T,
): SwitchPorts & { store: PhaseStore } {
  const { source, target, durable, locks, wal } = world;
  const at = (phase: Phase): void => {
    if (durable.phase !== phase) throw new Error(`the phase is ${durable.phase}, not ${phase}`);
  };
  const held = (): HeldSqlite => ({
    state: () => now(() => source.state()),
    usedIds: () => now(() => new Map()),
    raise: async epoch => ({
      close: ({ head, lsn }) =>
        step(() => {
          if (!locks.sqlite) throw new Error('the lock is gone');
          durable.sqlite = { primary: 'postgres', epoch, head, lsn: Number(lsn) };
          locks.sqlite = false;
        }),
    }),
    lower: async epoch => ({
      open: () =>
        step(() => {
          if (!locks.sqlite) throw new Error('the lock is gone');
          durable.sqlite = { ...durable.sqlite, primary: 'sqlite', epoch, head: source.head };
          locks.sqlite = false;
          return source.head;
        }),
    }),
    release: () => {
      locks.sqlite = false;
    },
  });
  const locked: LockedPostgres = {
    close: () =>
      step(() => {
        if (!locks.postgres) throw new Error('the lock is gone');
        at('verifying_back');
        durable.postgres.open = false;
        durable.phase = 'switching_back';
        locks.postgres = false;
      }),
    release: async () => {
      locks.postgres = false;
    },
  };
  const advance: PhaseStore['advance'] = (from, to) =>
    step(() => {
      if (durable.phase !== to) at(from);
      durable.phase = to;
    });
  return {
    store: { load: () => step(() => durable.phase), advance, step: advance },
    sqlite: {
      hold: () =>
        step(() => {
          locks.sqlite = true;
          return held();
        }),
      async still(_, work) {
        await step(() => {
          if (locks.sqlite) throw new Error('the lock is not to be had');
          locks.sqlite = true;
        });
        try {
          return await work();
        } finally {
          locks.sqlite = false;
        }
      },
      record: () => now(() => ({ ...durable.sqlite })),
    },
    postgres: {
      checkpoint: () => step(() => durable.postgres.checkpoint),
      apply: async ({ position, changes }) => {
        await step(() => undefined);
        if (position.seq <= durable.postgres.checkpoint.seq) return;
        await target.apply(changes);
        durable.postgres.checkpoint = position;
        await step(() => undefined);
      },
      state: () => step(() => target.state()),
      prepare: epoch =>
        step(() => {
          at('verifying');
          if (durable.epoch !== epoch) throw new Error('another epoch');
          return BigInt(wal.length) as Lsn;
        }),
      usedIds: () => step(() => new Map()),
      open: ({ epoch, head }) =>
        step(() => {
          at('switching');
          if (durable.epoch !== epoch || durable.postgres.checkpoint.seq !== head.seq) throw new Error('Postgres has lost commits');
          durable.postgres.open = true;
        }),
      lock: () =>
        step(() => {
          locks.postgres = true;
          return locked;
        }),
      resumeAt: head =>
        step(() => {
          durable.postgres.checkpoint = head;
          durable.postgres.verified = head.seq;
        }),
      writeWatermark: token => step(() => void wal.push({ token })),
      verifiedUpTo: () => step((): Mark => ({ seq: durable.postgres.verified, nonce: 0n })),
      setVerified: position =>
        step(() => {
          durable.postgres.verified = position.seq;
        }),
    },
    flag: {
      write: state =>
        step(() => {
          if (state.epoch < durable.flag.epoch) throw new Error('an older epoch');
          durable.flag = state;
        }),
    },
  };
}

/** Ports that never fail. */
export const soundPorts = (world: World): SwitchPorts =>
  portsOf(
    world,
    async effect => effect(),
    effect => effect(),
  );

/** A mirror that applies only when it is asked to get somewhere: as late as it may be. */
const mirrorOf = (world: World, ended: AbortSignal): Mirror => ({
  async reached(token, signal) {
    for (;;) {
      signal.throwIfAborted();
      ended.throwIfAborted();
      if (world.mirror().includes(token)) return;
      await new Promise(setImmediate);
    }
  },
  stop: async () => undefined,
});

const noMirror: Mirror = {
  reached: async () => Promise.reject(new Error('the mirror is not running')),
  stop: async () => undefined,
};

/** One process: begins a switch, or settles what it finds. Says how many steps it took. Its locks end with it. */
async function process(world: World, what: What | 'recover', faults: readonly Fault[], mutation: Mutation): Promise<number> {
  const ended = new AbortController();
  let steps = 0;
  let dead = false;
  const around = <T>(effect: () => T): T => {
    if (dead) throw new Died();
    const fault = faults.find(({ step }) => step === steps);
    steps++;
    world.write();
    if (fault?.effect === 'before') fail(fault);
    const result = effect();
    world.look();
    world.write();
    if (fault?.effect === 'after') fail(fault);
    return result;
  };
  const fail = (fault: Fault): never => {
    dead = fault.dies;
    throw fault.dies ? new Died() : new Error('injected');
  };
  const { store, ...sound } = portsOf(world, async effect => around(effect), around);
  const ports = mutation.ports?.(sound, world) ?? sound;
  const running = what === 'rollback' ? mirrorOf(world, ended.signal) : noMirror;
  const mirror = mutation.mirror?.(running) ?? running;
  if (what !== 'recover') {
    world.durable.phase = what === 'cutover' ? 'fencing' : 'fencing_back';
    world.durable.epoch++;
  }
  const options = { plan: PLAN, epoch: world.durable.epoch, maxPauseMs: 60_000, watch: stopwatch(() => 0) };
  const there = forward(ports, options);
  const again = back(ports, { ...options, token: `token ${world.durable.epoch}`, mirror });
  const actions = { ...there, ...again, ...mutation.actions?.(ports, world) };
  const release = async (): Promise<void> => {
    there.release();
    await again.release();
  };
  const outcome = outcomeOf(ports.sqlite, { epoch: world.durable.epoch, budgetMs: 60_000, release });
  await (what === 'recover' ? recover : drive)(store, actions, outcome).catch(() => undefined);
  ended.abort();
  there.release();
  await again.release();
  world.locks.sqlite = false;
  world.locks.postgres = false;
  return steps;
}

/** A world in which the switch before `what` went well: what is tried begins from a state as it is in life. */
async function worldBefore(what: What): Promise<World> {
  const world = openWorld();
  for (let writes = 0; writes < 3; writes++) world.write();
  await world.follow();
  world.write();
  if (what === 'rollback') await process(world, 'cutover', [], {});
  return world;
}

/** Carries out `what` with faults in the first process and in those that come after it, then starts until it is settled. */
export async function carryOut(
  world: World,
  what: What,
  faults: readonly (readonly Fault[])[],
  mutation: Mutation = {},
): Promise<number[]> {
  const steps = [await process(world, what, faults[0] ?? [], mutation)];
  for (const own of [...faults.slice(1), []]) {
    if (isSwitching(world.durable.phase)) steps.push(await process(world, 'recover', own, mutation));
  }
  await world.settled();
  return steps;
}

export type Tried = { readonly faults: readonly Fault[]; readonly phase: Phase; readonly violations: readonly string[] };

/**
 * Every single fault; after each of them the same switch again if it was aborted; and with `twice`, after each of them every
 * single fault of the process that settles it.
 */
export async function explore(what: What, mutation: Mutation = {}, twice = false): Promise<Tried[]> {
  const tried: Tried[] = [];
  const attempt = async (...faults: Fault[]): Promise<number[]> => {
    const world = await worldBefore(what);
    const steps = await carryOut(
      world,
      what,
      faults.map(fault => [fault]),
      mutation,
    );
    const { phase } = world.durable;
    if (phase === STARTS[what]) await carryOut(world, what, [], mutation);
    tried.push({ faults, phase, violations: [...new Set(world.violations)] });
    return steps;
  };
  const [undisturbed = 0] = await attempt();
  for (let step = 0; step < undisturbed; step++) {
    for (const kind of KINDS) {
      const [, settling = 0] = await attempt({ step, ...kind });
      for (let next = 0; twice && next < settling; next++) {
        for (const again of KINDS) await attempt({ step, ...kind }, { step: next, ...again });
      }
    }
  }
  return tried;
}

const STARTS: Readonly<Record<What, Phase>> = { cutover: 'shadowing', rollback: 'mirroring' };

const KINDS = [true, false].flatMap(dies => (['before', 'after'] as const).map(effect => ({ dies, effect })));

/** What went wrong, each with the first schedule of faults that shows it. */
export function violations(tried: readonly Tried[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { faults, violations } of tried) for (const what of violations) found[what] ??= JSON.stringify(faults);
  return found;
}
