/*
 * Breadth first over every state that can be reached, each visited once; then backwards from the good ones, for the states from which
 * nothing that happens by itself leads to one.
 */
import { good, namer, type State, violation } from './state.ts';
import { type Model, stepsFrom } from './steps.ts';

export type Found = { readonly what: string; readonly path: readonly string[] };

export type Explored = {
  readonly states: number;
  readonly steps: number;
  /** Phases, each with the epoch: how far it went. */
  readonly phases: ReadonlySet<string>;
  /** Program points of the controller. */
  readonly points: number;
  /** The first thing that must not be, by the shortest way to it. */
  readonly found: Found | undefined;
  /** False: `limit` states were not enough. */
  readonly complete: boolean;
};

export async function explore(model: Model, start: State, limit = Number.POSITIVE_INFINITY): Promise<Explored> {
  const keyOf = namer();
  const known = new Map<string, number>([[keyOf(start), 0]]);
  const cameFrom = [-1];
  const words = new Map<string, number>();
  const by = [0];
  const free = links();
  const goods: number[] = [];
  const mustWrite = [0, 1].filter(app => model.writes[app]! > 0);
  const phases = new Set<string>();
  let steps = 0;
  const path = (to: number): string[] => (to <= 0 ? [] : [...path(cameFrom[to]!), [...words.keys()][by[to]!]!]);
  const result = (found: Found | undefined, complete: boolean): Explored => ({
    states: known.size,
    steps,
    phases,
    points: model.forest.size(),
    found,
    complete,
  });
  let wave: State[] = [start];
  for (let at = 0; wave.length > 0; ) {
    const next: State[] = [];
    for (const state of wave) {
      phases.add(`${state.phase} ${state.epoch}`);
      const wrong = violation(state, model.mutation.corrupts);
      if (wrong !== undefined) return result({ what: wrong, path: path(at) }, false);
      if (good(state, mustWrite)) goods.push(at);
      for (const step of await stepsFrom(model, state)) {
        steps++;
        const key = keyOf(step.state);
        let to = known.get(key);
        if (to === undefined) {
          to = known.size;
          known.set(key, to);
          cameFrom.push(at);
          if (!words.has(step.what)) words.set(step.what, words.size);
          by.push(words.get(step.what)!);
          next.push(step.state);
        }
        if (step.free) free.add(at, to);
      }
      at++;
      if (known.size > limit) return result(undefined, false);
    }
    wave = next;
  }
  const stuck = free.unreachable(goods, known.size);
  return result(
    stuck === undefined ? undefined : { what: 'nothing leads on to one open side that everybody can write', path: path(stuck) },
    true,
  );
}

/** Steps from state to state, in typed arrays: there are millions. */
function links() {
  let from = new Int32Array(1 << 16);
  let to = new Int32Array(1 << 16);
  let size = 0;
  const grown = (old: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
    const bigger = new Int32Array(old.length * 2);
    bigger.set(old);
    return bigger;
  };
  return {
    add(a: number, b: number): void {
      if (size === from.length) {
        from = grown(from);
        to = grown(to);
      }
      from[size] = a;
      to[size++] = b;
    },
    /** The first of `count` states from which no step after another leads to one of `goals`. */
    unreachable(goals: readonly number[], count: number): number | undefined {
      const begins = new Int32Array(count + 1);
      for (let link = 0; link < size; link++) begins[to[link]! + 1]!++;
      for (let state = 0; state < count; state++) begins[state + 1]! += begins[state]!;
      const filled = begins.slice();
      const sources = new Int32Array(size);
      for (let link = 0; link < size; link++) sources[filled[to[link]!]!++] = from[link]!;
      const reached = new Uint8Array(count);
      const queue = [...goals];
      for (const goal of goals) reached[goal] = 1;
      while (queue.length > 0) {
        const state = queue.pop()!;
        for (let link = begins[state]!; link < begins[state + 1]!; link++) {
          const source = sources[link]!;
          if (reached[source] === 1) continue;
          reached[source] = 1;
          queue.push(source);
        }
      }
      const first = reached.indexOf(0);
      return first < 0 ? undefined : first;
    },
  };
}
