/*
 * The real cutover, rollback and recovery (src/cutover), asking the explorer wherever they ask a port. `carryOut` says what
 * src/cli/engine/switch/switching.ts does around them.
 */
import type { Lsn, Mark, PgRow, Rows, Seq } from '../../src/change/change.ts';
import type { SourceState, TargetState } from '../../src/change/ports.ts';
import { LAZY } from '../../src/cli/engine/phases.ts';
import { back } from '../../src/cutover/back.ts';
import { type Actions, drive, type PhaseStore, recover } from '../../src/cutover/drive.ts';
import { forward } from '../../src/cutover/forward.ts';
import { outcomeOf } from '../../src/cutover/outcome.ts';
import type { Phase } from '../../src/cutover/phase.ts';
import type { HeldSqlite, LockedPostgres, SwitchPorts } from '../../src/cutover/ports.ts';
import { PLAN } from '../support/memory.ts';
import type { Caller, Program, Value } from './tree.ts';

export type Kind = 'cutover' | 'rollback' | 'recover';

/** What a mutation replaces: actions without a guard. */
export type Unguarded = (ports: SwitchPorts, call: Caller, epoch: bigint) => Partial<Actions>;

const BEGINS: Readonly<Record<Exclude<Kind, 'recover'>, readonly [Phase, Phase]>> = {
  cutover: ['shadowing', 'fencing'],
  rollback: ['mirroring', 'fencing_back'],
};

export const programOf =
  (kind: Kind, epoch: number, unguarded: Unguarded = () => ({})): Program =>
  async call => {
    const ports = portsOf(call);
    const token = String(epoch);
    const mirror = {
      reached: async (_: string, signal: AbortSignal) => void (await call.later('reached', [token], signal)),
      stop: async () => void (await call.later('stop')),
    };
    const noMirror = { reached: async () => Promise.reject(new Error('the mirror is not running')), stop: async () => undefined };
    const watch = { start: () => undefined, stop: () => undefined, pauseMs: 0 };
    const options = { plan: PLAN, epoch: BigInt(epoch), maxPauseMs: 60_000, watch };
    const there = forward(ports, options);
    const again = back(ports, { ...options, token, mirror: kind === 'rollback' ? mirror : noMirror });
    const actions: Actions = { ...there, ...again, ...unguarded(ports, call, BigInt(epoch)) };
    const release = async (): Promise<void> => {
      there.release();
      await again.release();
    };
    const outcome = outcomeOf(ports.sqlite, { epoch: BigInt(epoch), budgetMs: 60_000, release });
    try {
      try {
        if (kind === 'recover') await recover(storeOf(call), actions, outcome);
        else {
          await call.later('begin', [...BEGINS[kind], epoch]);
          await drive(storeOf(call), actions, outcome);
        }
      } finally {
        await release();
      }
      if (kind === 'rollback') await call.later('takeDown');
    } catch (error) {
      if (kind === 'cutover' && (await call.later('look')) === 'shadowing') await call.later('takeDown');
      throw error;
    }
  };

/**
 * As src/cli/engine/phases.ts: after an own step the phase is known, whether a step that failed had been made is looked up, one that
 * commits with a fence is only looked at, and a phase that is stored lazily is not waited for.
 */
function storeOf(call: Caller): PhaseStore {
  let stepped: Phase | undefined;
  const look = async (): Promise<Phase> => (await call.later('load')) as Phase;
  const surely = async (from: Phase, to: Phase): Promise<void> => {
    stepped = undefined;
    if (to === 'switching_back') {
      if ((await call.later('advanced')) !== to) throw new Error('the fence has not committed');
    } else {
      await call.later('advance', [from, to]).catch(async error => {
        if ((await look()) !== to) throw error;
      });
    }
    stepped = to;
  };
  return {
    async load() {
      const known = stepped;
      stepped = undefined;
      return known ?? (await look());
    },
    advance: surely,
    async step(from, to) {
      if (!LAZY.has(to)) return await surely(from, to);
      call.now('send', [from, to]);
      stepped = to;
    },
  };
}

const markOf = (seq: Value): Mark => ({ seq: BigInt(seq as number) as Seq, nonce: 0n });
const numberOf = (mark: Mark): number => Number(mark.seq);
const unused = (): never => {
  throw new Error('a switch has no use for this');
};

const SAME: PgRow = ['1', 'same', null];
const OTHER: PgRow = ['1', 'other', null];

function portsOf(call: Caller): SwitchPorts {
  return {
    sqlite: {
      async hold(): Promise<HeldSqlite> {
        await call.later('hold');
        return heldOf(call);
      },
      async still(_, work) {
        await call.later('still');
        try {
          return await work();
        } finally {
          call.now('release');
        }
      },
      record() {
        const [primary, epoch, head] = String(call.now('record')).split(' ');
        return { primary: primary === 'sqlite' ? 'sqlite' : 'postgres', epoch: BigInt(epoch!), head: markOf(Number(head)) };
      },
    },
    postgres: {
      checkpoint: async () => markOf(await call.later('checkpoint')),
      apply: async ({ position, changes }) => void (await call.later('apply', [numberOf(position), changes.marks])),
      state: async () => TARGET, // not waited for: it begins with the comparison
      async prepare(epoch, usedIds) {
        return BigInt((await call.later('prepare', [Number(epoch), Number(usedIds.get(1) ?? 0)])) as number) as Lsn;
      },
      usedIds: async () => new Map([[1, BigInt((await call.later('usedIds')) as number)]]),
      open: async ({ epoch, head }) => void (await call.later('open', [Number(epoch), numberOf(head)])),
      async lock(): Promise<LockedPostgres> {
        await call.later('lock');
        let gone = false;
        return {
          async close(epoch) {
            await call.later('fence', [Number(epoch)]);
            gone = true;
          },
          async release() {
            if (!gone) await call.later('unlock');
            gone = true;
          },
        };
      },
      resumeAt: async head => void (await call.later('resumeAt', [numberOf(head)])),
      writeWatermark: async token => void (await call.later('watermark', [token])),
      verifiedUpTo: async () => markOf(await call.later('verifiedUpTo')),
      setVerified: async position => void (await call.later('setVerified', [numberOf(position)])),
    },
    flag: { write: async ({ primary, epoch }) => void (await call.later('flag', [primary, Number(epoch)])) },
  };
}

function heldOf(call: Caller): HeldSqlite {
  let gone = false;
  /** A commit gives the lock back, whether it succeeds or not. */
  const once = async (name: string, args: readonly Value[]): Promise<Value> => {
    try {
      return await call.later(name, args);
    } finally {
      gone = true;
    }
  };
  return {
    state: () => sourceOf(call, call.now('heldState')),
    usedIds: () => new Map([[1, BigInt(call.now('heldIds') as number)]]),
    raise: async epoch => ({
      close: async ({ head, lsn }) => void (await once('close', [Number(epoch), numberOf(head), Number(lsn)])),
    }),
    lower: async epoch => ({
      open: async usedIds => markOf(await once('reopen', [Number(epoch), Number(usedIds.get(1) ?? 0)])),
    }),
    release() {
      if (!gone) call.now('release');
      gone = true;
    },
  };
}

/** A state of SQLite: the rows are with the explorer, who says whether those that are marked are the same on the other side. */
const sourceOf = (call: Caller, seq: Value): SourceState => ({
  position: markOf(seq),
  marked: after => ({
    marks: Number(after),
    size: 1,
    replaced: [],
    async *slices(): AsyncGenerator<Awaited<ReturnType<Rows['slices']>> extends Iterable<infer S> | AsyncIterable<infer S> ? S : never> {
      const same = await call.later('compare', [Number(after)]);
      yield { table: 1, rows: [same === true ? SAME : OTHER], gone: [], misfits: [] };
    },
  }),
  changed: unused,
  chunk: unused,
  stretch: unused,
  named: unused,
  count: unused,
  absent: unused,
  close: () => undefined,
});

const TARGET: TargetState = {
  lsn: '0/0',
  rows: async () => [SAME],
  quarantined: async () => new Set(),
  suspended: async () => new Set(),
  digest: unused,
  keys: unused,
  count: unused,
  close: async () => undefined,
};
