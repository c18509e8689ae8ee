/*
 * Everything that a switch depends on, as one value: what is durable, what is only in memory, where each process stands.
 *
 * (1) Only strings and numbers, so that a state is copied by a spread and known by its fields.
 * (2) A side's rows are text: first the value of one row that every write updates, then by id the rows that writes inserted. '1'…'9' name
 *     writes of applications, '.' is nothing. Ids come from the side's own sequence.
 */
import { isSwitching, type Phase, primaryIn } from '../../src/cutover/phase.ts';

export type Process = {
  /** Where its operation stands in the forest; IDLE: it runs its pipe; DOWN: there is no process. */
  readonly node: number;
  /** Its main session lives: the one with the advisory lock. */
  readonly main: boolean;
  /** Steps of the phase that were sent on that session, and are not waited for: `from to`, by commas. */
  readonly sent: string;
  /** Its mirror writes into SQLite. */
  readonly mirrors: boolean;
  /** The state of SQLite that it holds for a comparison. */
  readonly source: string;
};
export const IDLE = -1;
export const DOWN = -2;

export type App = {
  /** Where it will write next: a side, or nothing before it has read the flag. */
  readonly side: '' | 'sqlite' | 'postgres';
  /** It has written in Postgres, in a transaction that is still open, and got this id. */
  readonly open: boolean;
  readonly id: number;
  readonly written: number;
};

export type State = {
  // SQLite: its control row, its rows, its journal (ids), its sequence; and what a power failure would leave.
  readonly primary: 'sqlite' | 'postgres';
  readonly closedAt: number;
  readonly head: number;
  readonly lsn: number;
  readonly here: string;
  readonly journal: string;
  readonly nextHere: number;
  /** Who holds the write lock: a process, or nobody. */
  readonly held: number;
  readonly hereDurable: string;
  // Postgres: its control row, its fence, its rows, its WAL (pairs of id and write, or `w` and a watermark), its sequence.
  readonly phase: Phase;
  readonly epoch: number;
  readonly open: boolean;
  readonly checkpoint: number;
  readonly verified: number;
  readonly there: string;
  readonly wal: string;
  readonly nextThere: number;
  /** Where the slot begins; -1: there is none. */
  readonly slot: number;
  /** Who has locked the tables; a dead process's lock stays while its commit is under way. */
  readonly locked: number;
  /** A commit of a dead process that fences Postgres at this epoch is under way; 0: none. */
  readonly late: number;
  readonly thereDurable: string;
  // The flag.
  readonly flag: 'sqlite' | 'postgres';
  readonly flagEpoch: number;
  readonly processes: readonly [Process, Process];
  readonly apps: readonly App[];
  /** The id that each committed write got, by write; and the write that committed last. */
  readonly ids: string;
  readonly last: string;
  /** What may still happen. */
  readonly faults: number;
  readonly switches: number;
  readonly seconds: number;
};

export const NOBODY = -1;

/** Write `n` of the application `app` is called this. Of `slow`, the row is deleted again in the same transaction. */
export const writeOf = (app: number, written: number): string => String(1 + app * 2 + written);
const isGhost = (write: string): boolean => write === writeOf(1, 0) || write === writeOf(1, 1);

const absent = '.';
const put = (text: string, at: number, char: string): string => text.padEnd(at, absent).slice(0, at) + char + text.slice(at + 1);
const at = (text: string, index: number): string => text[index] ?? absent;

/** The rows after a write with this id. */
export const written = (rows: string, write: string, id: number): string => put(isGhost(write) ? rows : put(rows, id, write), 0, write);

/** The rows of `to` after those with `ids`, and the one that everybody updates, were copied from `from`. */
export function copied(to: string, from: string, ids: string): string {
  if (ids === '') return to;
  let rows = put(to, 0, at(from, 0));
  for (const id of ids) if (at(from, Number(id)) !== at(rows, Number(id))) rows = put(rows, Number(id), at(from, Number(id)));
  return rows;
}

/** Whether the rows that `ids` name are the same. */
export const alike = (one: string, other: string, ids: string): boolean =>
  ids === '' || ['0', ...ids].every(id => at(one, Number(id)) === at(other, Number(id)));

export const walLength = (wal: string): number => wal.length / 2;
export const entryAt = (wal: string, index: number): string => wal.slice(index * 2, index * 2 + 2);

/** Gives each state a short name; the same one for the same state only. */
export function namer(): (s: State) => string {
  const parts = Array.from({ length: 5 }, () => new Map<string, number>());
  const numberOf = (part: number, text: string): number => {
    const known = parts[part]!;
    const number = known.get(text) ?? known.size;
    if (number === known.size) known.set(text, number);
    return number;
  };
  return s => {
    const numbers = [
      `${s.primary},${s.closedAt},${s.head},${s.lsn},${s.here},${s.journal},${s.nextHere},${s.held},${s.hereDurable}`,
      `${s.phase},${s.epoch},${s.open},${s.checkpoint},${s.verified},${s.there},${s.wal},${s.nextThere},${s.slot},${s.locked},${s.late},${s.thereDurable}`,
      `${s.flag},${s.flagEpoch},${s.ids},${s.last},${s.faults},${s.switches},${s.seconds}`,
      s.processes.map(p => `${p.node},${p.main},${p.mirrors},${p.source},${p.sent}`).join(),
      s.apps.map(a => `${a.side},${a.open ? a.id : ''},${a.written}`).join(),
    ].map((text, part) => numberOf(part, text));
    return String.fromCharCode(...numbers.flatMap(number => [number >>> 16, number & 0xffff]));
  };
}

export const START: State = {
  primary: 'sqlite',
  closedAt: 0,
  head: -1,
  lsn: 0,
  here: '.',
  journal: '',
  nextHere: 1,
  held: NOBODY,
  hereDurable: '',
  phase: 'shadowing',
  epoch: 0,
  open: false,
  checkpoint: 0,
  verified: 0,
  there: '.',
  wal: '',
  nextThere: 1,
  slot: -1,
  locked: NOBODY,
  late: 0,
  thereDurable: '',
  flag: 'sqlite',
  flagEpoch: 0,
  processes: [
    { node: IDLE, main: true, sent: '', mirrors: true, source: '' },
    { node: DOWN, main: false, sent: '', mirrors: false, source: '' },
  ],
  apps: [],
  ids: '',
  last: absent,
  faults: 0,
  switches: 1,
  seconds: 0,
};

/** Nothing is being switched, and nobody is about to. */
const settled = (s: State): boolean => !isSwitching(s.phase) && s.late === 0 && s.processes.every(({ node }) => node < 0);

/** What must never be, if it is so; undefined if all is well. `corrupted`: what was not compared yet may differ. */
export function violation(s: State, corrupted = false): string | undefined {
  const open = s.primary === 'sqlite';
  if (open && s.open) return 'both sides accept writes';
  if (new Set(s.ids.replaceAll(absent, '')).size !== s.ids.replaceAll(absent, '').length) return 'an id was given twice';
  if (open && lost(s, s.here)) return 'SQLite is open and lacks an acknowledged write';
  if (s.open && lost(s, s.there)) return 'Postgres is open and lacks an acknowledged write';
  if (s.flagEpoch === s.epoch && (s.flag === 'sqlite' ? !open : !s.open)) return 'the flag names a closed side';
  if (!settled(s)) return undefined;
  if (primaryIn(s.phase) !== (s.open ? 'postgres' : open ? 'sqlite' : null)) return 'the phase names a closed side';
  if (s.flag !== primaryIn(s.phase)) return 'a switch is over, and the flag names the closed side';
  const followed = s.phase === 'shadowing' ? s.checkpoint === s.journal.length : s.lsn === walLength(s.wal);
  if (followed && !corrupted && !alike(s.here, s.there, s.ids.replaceAll(absent, ''))) return 'caught up, and the sides differ';
  return undefined;
}

function lost(s: State, rows: string): boolean {
  if (at(rows, 0) !== s.last) return true;
  for (let write = 0; write < s.ids.length; write++) {
    const id = at(s.ids, write);
    if (id !== absent && !isGhost(String(write)) && at(rows, Number(id)) !== String(write)) return true;
  }
  return false;
}

/** The state after `write` has committed with this id. */
export const acknowledged = (s: State, write: string, id: number): State => ({
  ...s,
  ids: put(s.ids, Number(write), String(id)),
  last: write,
});

/** One side accepts writes, nobody is in the way, and every instance that follows the flag has written. */
export const good = (s: State, mustWrite: readonly number[]): boolean =>
  settled(s) &&
  (s.primary === 'sqlite') !== s.open &&
  s.held === NOBODY &&
  s.locked === NOBODY &&
  mustWrite.every(app => s.apps[app]!.written > 0);
