/*
 * What each call of a port does to the state: as the databases, the file and the flag do it. `undefined`: it cannot happen yet, the
 * caller waits.
 */
import { LAZY } from '../../src/cli/engine/phases.ts';
import type { Phase } from '../../src/cutover/phase.ts';
import { alike, copied, NOBODY, type Process, type State, walLength } from './state.ts';
import type { Call, Value } from './tree.ts';

export type Effect = { readonly state: State; readonly ok: boolean; readonly value?: Value };
export type Effects = Readonly<Record<string, (s: State, who: number, args: Call['args']) => Effect | undefined>>;

/** Calls that go through the main session: with it they fail. */
export const ON_MAIN: ReadonlySet<string> = new Set(
  'load advance advanced begin checkpoint apply prepare usedIds open resumeAt setVerified watermark'.split(' '),
);
/** Calls whose answer can be lost after they had their effect. */
export const CHANGES: ReadonlySet<string> = new Set(
  'advance begin apply prepare open resumeAt setVerified watermark fence close reopen flag takeDown'.split(' '),
);
/** Calls that cannot fail by themselves. */
export const SURE: ReadonlySet<string> = new Set('timer send release stop unlock'.split(' '));

const done = (state: State, value?: Value): Effect => ({ state, ok: true, value });
const refused = (state: State): Effect => ({ state, ok: false });

export const withProcess = (s: State, who: number, change: Partial<Process>): State => {
  const [first, second] = s.processes;
  return { ...s, processes: who === 0 ? [{ ...first, ...change }, second] : [first, { ...second, ...change }] };
};

const packed = ({ phase, epoch, open, checkpoint, verified, there, wal, nextThere }: State): string =>
  JSON.stringify({ phase, epoch, open, checkpoint, verified, there, wal, nextThere });

/** What Postgres must not forget any more: everything up to now is on its disk. */
export const synced = (s: State): State => (s.thereDurable === '' ? s : { ...s, thereDurable: '' });
/** A commit of Postgres that it may forget in a crash, with all that come after it. */
export const unsynced = (before: State, after: State): State => ({
  ...after,
  thereDurable: [...histories(before), packed(before)].join('\n'),
});
/** What it may go back to in a crash. */
export const histories = (s: State): string[] => s.thereDurable.split('\n').filter(Boolean);

const NOT_FOR_BATCHES = /^(mirroring|finished|.*_back)$/;
const takesBatches = (phase: Phase): boolean => !NOT_FOR_BATCHES.test(phase);

/** The journal's rows of `source` between two positions arrive in Postgres. The commit is asynchronous. */
export const applied = (s: State, source: string, after: number, seq: number): State =>
  unsynced(s, { ...s, there: copied(s.there, source, s.journal.slice(after, seq)), checkpoint: seq });

export const EFFECTS: Effects = {
  load: s => done(s, s.phase),
  look: s => done(s, s.phase),
  advanced: s => done(s, s.phase),
  advance(s, _, [from, to]) {
    if (s.late > 0) return undefined; // its transaction has the row
    if (s.phase !== from) return refused(s);
    const after = { ...s, phase: to as Phase };
    return done(LAZY.has(to as Phase) ? unsynced(s, after) : synced(after));
  },
  begin(s, _, [from, to, epoch]) {
    if (s.late > 0) return undefined;
    return s.phase === from ? done(synced({ ...s, phase: to as Phase, epoch: Number(epoch) })) : refused(s);
  },
  /** Where the session is gone nobody hears of it. */
  send(s, who, [from, to]) {
    const { main, sent } = s.processes[who]!;
    return done(main ? withProcess(s, who, { sent: [...sent.split(',').filter(Boolean), `${from} ${to}`].join(',') }) : s);
  },
  timer: s => done(s),
  takeDown: s => done({ ...s, slot: -1 }),

  hold: (s, who) => (s.held === NOBODY ? done({ ...s, held: who }) : undefined),
  still: (s, who) => (s.held === NOBODY ? done({ ...s, held: who }) : undefined),
  release: (s, who) => done(s.held === who ? { ...s, held: NOBODY } : s),
  heldState: (s, who) => (s.held === who ? done(withProcess(s, who, { source: s.here }), s.journal.length) : refused(s)),
  heldIds: (s, who) => (s.held === who ? done(s, s.nextHere) : refused(s)),
  record: s => done(s, `${s.primary} ${s.closedAt} ${s.head < 0 ? s.journal.length : s.head}`),
  close(s, who, [epoch, head, lsn]) {
    if (s.held !== who || s.primary !== 'sqlite' || s.closedAt >= Number(epoch)) return refused(releasedBy(s, who));
    return done({ ...s, held: NOBODY, primary: 'postgres', closedAt: Number(epoch), head: Number(head), lsn: Number(lsn) });
  },
  reopen(s, who, [epoch, usedIds]) {
    if (s.held !== who || s.primary !== 'postgres' || s.closedAt >= Number(epoch)) return refused(releasedBy(s, who));
    const head = s.journal.length;
    const nextHere = Math.max(s.nextHere, Number(usedIds));
    return done({ ...s, held: NOBODY, primary: 'sqlite', closedAt: Number(epoch), head, nextHere }, head);
  },

  checkpoint: s => done(s, s.checkpoint),
  apply(s, who, [seq, after]) {
    if (s.checkpoint >= Number(seq)) return done(s);
    if (!takesBatches(s.phase)) return refused(s);
    return done(applied(s, s.processes[who]!.source, Number(after), Number(seq)));
  },
  verifiedUpTo: s => done(s, s.verified),
  compare(s, who, [after]) {
    const { source } = s.processes[who]!;
    return done(withProcess(s, who, { source: '' }), alike(source, s.there, s.journal.slice(Number(after))));
  },
  prepare(s, _, [epoch, next]) {
    if (s.phase !== 'verifying' || s.epoch !== epoch) return refused(s);
    return done(synced({ ...s, nextThere: Number(next) }), walLength(s.wal));
  },
  usedIds: s => done(s, s.nextThere),
  open(s, _, [epoch, head]) {
    if (s.phase !== 'switching' || s.epoch !== epoch || s.checkpoint !== head) return refused(s);
    return done(synced({ ...s, open: true }));
  },
  lock(s, who) {
    if (s.locked !== NOBODY || s.apps.some(({ open }) => open)) return undefined;
    return done({ ...s, locked: who });
  },
  unlock: (s, who) => done(s.locked === who ? { ...s, locked: NOBODY } : s),
  fence(s, who, [epoch]) {
    if (s.locked !== who || s.phase !== 'verifying_back' || s.epoch !== epoch) return refused(s);
    return done(synced({ ...s, locked: NOBODY, open: false, phase: 'switching_back' }));
  },
  watermark: (s, _, [token]) => done(synced({ ...s, wal: `${s.wal}w${token}` })),
  reached(s, who, [token]) {
    if (!s.processes[who]!.mirrors) return refused(s);
    const index = s.wal.indexOf(`w${token}`);
    return index >= 0 && index / 2 < s.lsn ? done(s) : undefined;
  },
  stop: (s, who) => done(withProcess(s, who, { mirrors: false })),
  resumeAt: (s, _, [seq]) => done(synced({ ...s, checkpoint: Number(seq), verified: Number(seq) })),
  setVerified: (s, _, [seq]) => done(synced({ ...s, verified: Number(seq) })),
  flag(s, _, [primary, epoch]) {
    if (s.flagEpoch > Number(epoch)) return refused(s);
    return done({ ...s, flag: primary === 'sqlite' ? 'sqlite' : 'postgres', flagEpoch: Number(epoch) });
  },
};

const releasedBy = (s: State, who: number): State => (s.held === who ? { ...s, held: NOBODY } : s);
