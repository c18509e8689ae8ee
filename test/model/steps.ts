/*
 * Everything that can happen next, in any state: the controller's next call with each of its ends, the pipes, the application's
 * instances, deaths, lost connections, and the operator.
 */
import { isSwitching } from '../../src/cutover/phase.ts';
import { applied, CHANGES, type Effect, type Effects, histories, ON_MAIN, SURE, synced, unsynced, withProcess } from './effects.ts';
import { type Kind, programOf, type Unguarded } from './program.ts';
import {
  type App,
  acknowledged,
  alike,
  DOWN,
  entryAt,
  IDLE,
  NOBODY,
  type Process,
  type State,
  walLength,
  writeOf,
  written,
} from './state.ts';
import type { Call, Forest } from './tree.ts';

/** A guard that is gone. Nothing of it: the protocol as it is. */
export type Mutation = {
  readonly effects?: (sound: Effects) => Effects;
  readonly unguarded?: Unguarded;
  /** A second controller may start while the first one's session lives. */
  readonly noLock?: boolean;
  /** The slot is made when the mirror starts. */
  readonly lateSlot?: boolean;
  /** The first batch leaves a row out, by a fault that nobody has thought of. */
  readonly corrupts?: boolean;
};

/** `free`: needs neither a fault nor an operator: what a system that is left alone does. */
export type Step = { readonly what: string; readonly state: State; readonly free: boolean };

export type Model = {
  readonly forest: Forest;
  readonly effects: Effects;
  readonly mutation: Mutation;
  /** How often each instance writes: the obedient, the slow, the one that never reads the flag. */
  readonly writes: readonly [number, number, number];
  /** Programs are planted once for each mutation. */
  readonly start: (kind: Kind, epoch: number) => Promise<number>;
};

export function modelOf(forest: Forest, effects: Effects, writes: Model['writes'], mutation: Mutation = {}): Model {
  return {
    forest,
    effects: mutation.effects?.(effects) ?? effects,
    mutation,
    writes,
    start: async (kind, epoch) => (await forest.start(`${kind} ${epoch}`, programOf(kind, epoch, mutation.unguarded))).id,
  };
}

const NAMES = ['A', 'B'] as const;
const INSTANCES = ['obedient', 'slow', 'disobedient'] as const;

export async function stepsFrom(model: Model, s: State): Promise<Step[]> {
  const steps: Step[] = [];
  const add = (what: string, state: State, free = true): void => void steps.push({ what, state, free });
  for (const who of [0, 1]) {
    const process = s.processes[who]!;
    if (process.sent !== '') arrival(model, s, who, add);
    if (process.node >= 0) await operate(model, s, who, add);
    else if (process.node === IDLE && process.sent === '') await idle(model, s, who, add);
    else if (process.node === DOWN && (who === 0 || s.seconds > 0)) startUp(model, s, who, add);
    if (process.mirrors && (process.node >= 0 || s.phase === 'mirroring')) mirror(model, s, NAMES[who]!, add);
    if (process.node !== DOWN && s.faults > 0) deaths(model, s, who, add);
  }
  if (s.late > 0) late(model, s, add);
  if (s.faults > 0) disasters(s, add);
  for (const app of [0, 1, 2]) if (s.apps[app]!.written < model.writes[app]!) instance(s, app, add);
  return steps;
}

type Add = (what: string, state: State, free?: boolean) => void;

const fault = (s: State): State => ({ ...s, faults: s.faults - 1 });
const mainLost = (s: State, who: number): State => withProcess(s, who, { main: false, sent: '' });

/** The first of the steps that are not waited for takes place, or fails, and nobody hears of it. */
function arrival({ effects }: Model, s: State, who: number, add: Add): void {
  const [step = '', ...rest] = s.processes[who]!.sent.split(',');
  const effect = effects.advance!(s, who, step.split(' '));
  const words = `${NAMES[who]} is ${step.replace(' ', ' no more but ')}`;
  const left = { sent: rest.join(',') };
  if (effect !== undefined) add(`${words}${effect.ok ? '' : ': refused'}`, withProcess(effect.state, who, left));
  if (s.faults === 0) return;
  add(`${words}: fails`, fault(withProcess(s, who, left)), false);
  add(`${words}: the connection is lost`, fault(mainLost(s, who)), false);
}

async function operate(model: Model, s: State, who: number, add: Add): Promise<void> {
  const node = model.forest.node(s.processes[who]!.node);
  for (const call of node.pending) {
    const words = `${NAMES[who]} ${call.name}(${call.args.join(', ')})`;
    const go = async (how: string, effect: Effect, free: boolean): Promise<void> =>
      add(`${words}${how}`, await answered(model, who, node.id, call, effect), free);
    if (ON_MAIN.has(call.name) && !s.processes[who]!.main) {
      await go(': the session is gone', { state: s, ok: false }, true);
      continue;
    }
    if (ON_MAIN.has(call.name) && s.processes[who]!.sent !== '') continue; // what was sent before comes first
    const effect = model.effects[call.name]!(s, who, call.args);
    if (effect !== undefined) await go(effect.ok ? '' : ': refused', effect, true);
    if (s.faults === 0 || SURE.has(call.name)) continue;
    await go(': fails', { state: fault(failing(s, who, call.name)), ok: false }, false);
    if (ON_MAIN.has(call.name)) await go(': the connection is lost', { state: fault(mainLost(s, who)), ok: false }, false);
    if (effect === undefined || !effect.ok || !CHANGES.has(call.name)) continue;
    const lost = fault(ON_MAIN.has(call.name) ? mainLost(effect.state, who) : effect.state);
    await go(': done, and the answer is lost', { state: lost, ok: false }, false);
  }
}

/** A commit that fails gives the lock back; so does a session that fails. */
function failing(s: State, who: number, name: string): State {
  if ((name === 'close' || name === 'reopen') && s.held === who) return { ...s, held: NOBODY };
  if (name === 'reached') return withProcess(s, who, { mirrors: false });
  return s;
}

async function answered({ forest }: Model, who: number, node: number, call: Call, { state, ok, value }: Effect): Promise<State> {
  const next = await forest.answer(forest.node(node), call.id, { ok, value });
  if (next.pending.length > 0) return withProcess(state, who, { node: next.id });
  const left = withProcess(state, who, { node: IDLE, mirrors: true, source: '' });
  return letGo(left, who);
}

/** A process without an operation: it settles what was interrupted, else it runs the pipe of the phase, and takes commands. */
async function idle(model: Model, s: State, who: number, add: Add): Promise<void> {
  const name = NAMES[who]!;
  if (!s.processes[who]!.main) {
    if (lockIsFree(model, s, who)) add(`${name} connects again`, withProcess(s, who, { main: true }));
    return;
  }
  const begin = async (kind: Kind, epoch: number): Promise<Partial<Process>> => ({ node: await model.start(kind, epoch), mirrors: false });
  const epoch = Math.max(s.epoch, s.flagEpoch) + 1;
  if (isSwitching(s.phase)) {
    add(`${name} settles what it finds`, withProcess(s, who, await begin('recover', s.epoch)));
  } else if (s.phase === 'shadowing') {
    if (s.slot >= 0) add(`${name} drops the slot`, { ...s, slot: -1 });
    if (s.journal.length > s.checkpoint && s.primary === 'sqlite') add(`${name} applies a batch`, batch(model, s));
    if (s.checkpoint > s.verified && alike(s.here, s.there, s.ids.replaceAll('.', '')))
      add(`${name} has compared what changed`, synced({ ...s, verified: s.checkpoint }));
    if (s.switches > 0) {
      // The gate is passed, the slot is made, the pipe has stopped: its last commit is on disk.
      const slot = model.mutation.lateSlot ? -1 : walLength(s.wal);
      add('cutover', withProcess(synced({ ...s, slot, switches: s.switches - 1 }), who, await begin('cutover', epoch)), false);
    }
  } else if (s.phase === 'mirroring') {
    if (s.switches > 0) {
      const mirroring = { ...(await begin('rollback', s.epoch + 1)), mirrors: true };
      add('rollback', withProcess({ ...s, switches: s.switches - 1 }, who, mirroring), false);
    }
  }
}

function batch({ mutation }: Model, s: State): State {
  if (mutation.corrupts && s.verified === 0) return unsynced(s, { ...s, checkpoint: s.journal.length });
  return applied(s, s.here, s.checkpoint, s.journal.length);
}

/** One transaction of Postgres comes to SQLite, durably. While an operation drains, this is the same mirror. */
function mirror({ mutation }: Model, s: State, name: string, add: Add): void {
  if (mutation.lateSlot && s.slot < 0) {
    add(`${name} makes the slot`, { ...s, slot: walLength(s.wal), lsn: walLength(s.wal) });
    return;
  }
  if (s.primary !== 'postgres' || s.held !== NOBODY || s.slot < 0 || s.slot > s.lsn || s.lsn >= walLength(s.wal)) return;
  const [id, write] = entryAt(s.wal, s.lsn);
  if (id === 'w') {
    add(`${name} mirrors a watermark`, { ...s, lsn: s.lsn + 1 });
    return;
  }
  const here = written(s.here, write!, Number(id));
  const nextHere = here[Number(id)] === write ? Math.max(s.nextHere, Number(id) + 1) : s.nextHere;
  add(`${name} mirrors write ${write}`, { ...s, here, nextHere, journal: s.journal + id, lsn: s.lsn + 1 });
}

const lockIsFree = ({ mutation }: Model, s: State, who: number): boolean =>
  mutation.noLock === true || s.processes.every(({ main }, other) => other === who || !main);

function startUp(model: Model, s: State, who: number, add: Add): void {
  if (!lockIsFree(model, s, who)) return;
  const state = who === 0 ? s : { ...s, seconds: s.seconds - 1 };
  const up = withProcess(state, who, { node: IDLE, main: true, mirrors: true });
  add(`${NAMES[who]} starts`, up);
}

/** `kill -9`: locks and sessions are gone. What it had asked for last has happened, or has not, or will. */
function deaths(model: Model, s: State, who: number, add: Add): void {
  const words = `${NAMES[who]} is killed`;
  add(words, fault(dead(s, who)), false);
  const { node, main, sent } = s.processes[who]!;
  if (node < 0) return;
  for (const call of model.forest.node(node).pending) {
    if (!CHANGES.has(call.name) || (ON_MAIN.has(call.name) && (!main || sent !== ''))) continue;
    const effect = model.effects[call.name]!(s, who, call.args);
    if (effect?.ok !== true) continue;
    add(`${words} when ${call.name} was done`, fault(dead(effect.state, who)), false);
    if (call.name === 'fence')
      add(`${words} while its commit is under way`, fault({ ...dead(s, who), locked: who, late: Number(call.args[0]) }), false);
  }
}

function dead(s: State, who: number): State {
  const gone = withProcess(s, who, { node: DOWN, main: false, sent: '', mirrors: false, source: '' });
  return letGo(gone, who);
}

/** Its locks are gone; but not that of a commit which is still under way. */
const letGo = (s: State, who: number): State => ({
  ...s,
  held: s.held === who ? NOBODY : s.held,
  locked: s.locked === who && s.late === 0 ? NOBODY : s.locked,
});

/** The commit of a rollback's fence, which its process did not live to hear of. */
function late(model: Model, s: State, add: Add): void {
  const effect = model.effects.fence!({ ...s, late: 0 }, s.locked, [s.late]);
  if (effect?.ok) add('the late commit arrives', effect.state);
  add('the late commit was never sent', { ...s, late: 0, locked: NOBODY });
}

/** Postgres crashes, SQLite's machine loses power, or both at once. */
function disasters(s: State, add: Add): void {
  const postgres = (from: State, left: string): State => {
    const lost: Partial<State> = JSON.parse(left);
    const apps = from.apps.map((app): App => (app.open ? { ...app, open: false } : app));
    const ended = mainLost(mainLost(from, 0), 1);
    return { ...ended, ...lost, thereDurable: '', locked: NOBODY, late: 0, apps };
  };
  const power = (from: State): State => {
    const lost: Partial<State> = from.hereDurable === '' ? {} : JSON.parse(from.hereDurable);
    return { ...dead(dead(from, 0), 1), ...lost, hereDurable: '', held: NOBODY };
  };
  add('SQLite’s machine loses power', fault(power(s)), false);
  for (const [commits, left] of ['{}', ...histories(s).reverse()].entries()) {
    const words = commits === 0 ? '' : ` and forgets its last ${commits} commits`;
    add(`Postgres crashes${words}`, fault(postgres(s, left)), false);
    add(`both machines lose power, Postgres${words || ' forgets nothing'}`, fault(power(postgres(s, left))), false);
  }
}

/** An instance of the application: reads the flag, begins where it believes, commits; refused, it reads the flag again, or never. */
function instance(s: State, app: number, add: Add): void {
  const name = INSTANCES[app]!;
  const me = s.apps[app]!;
  const change = (state: State, mine: Partial<App>): State => ({
    ...state,
    apps: state.apps.map((other, index) => (index === app ? { ...other, ...mine } : other)),
  });
  const write = writeOf(app, me.written);
  // The obedient reads the flag for each transaction; the slow keeps what it read until it is refused.
  const next = { written: me.written + 1, open: false, side: name === 'slow' ? me.side : '' } as const;
  if (me.open) {
    const there = written(s.there, write, me.id);
    const wal = `${s.wal}${me.id}${write}`;
    add(`${name} commits write ${write} in Postgres`, acknowledged(change(synced({ ...s, there, wal }), next), write, me.id));
    return;
  }
  if (name !== 'disobedient' && me.side === '') {
    add(`${name} reads the flag: ${s.flag}`, change(s, { side: s.flag }));
    return;
  }
  for (const side of name === 'disobedient' ? (['sqlite', 'postgres'] as const) : [me.side]) {
    if (side === 'sqlite') {
      if (s.held !== NOBODY) continue; // it waits for the lock
      if (s.primary === 'sqlite') {
        const id = s.nextHere;
        const here = written(s.here, write, id);
        add(
          `${name} commits write ${write} in SQLite`,
          acknowledged(change({ ...s, here, journal: s.journal + id, nextHere: id + 1, hereDurable: '' }, next), write, id),
        );
      } else if (name !== 'disobedient') add(`${name} is refused by SQLite`, change(s, { side: '' }));
    } else if (s.locked === NOBODY) {
      if (s.open)
        add(`${name} begins write ${write} in Postgres`, change({ ...s, nextThere: s.nextThere + 1 }, { open: true, id: s.nextThere }));
      else if (name !== 'disobedient') add(`${name} is refused by Postgres`, change(s, { side: '' }));
    }
  }
}
