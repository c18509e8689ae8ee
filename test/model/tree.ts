/*
 * The controller's real code (src/cutover) as an automaton: what it asks of its ports next, after any answers.
 *
 * (1) Code cannot be copied in the middle of an `await`, so a node is a history of answers. To grow a child the program runs again from
 *     its start with the answers of that history; it stops where the next one is not known yet. Each node is grown once.
 * (2) A synchronous call that has no answer yet ends its run by an exception; nothing that such a run does afterwards counts.
 * (3) Timers are calls like any other: they fire when the explorer says so.
 */

export type Value = string | number | boolean | undefined;
export type Answer = { readonly ok: boolean; readonly value?: Value };
export type Call = { readonly id: number; readonly name: string; readonly args: readonly Value[] };

/** What the program asks its ports for. Rejects, or throws, where the answer is a failure. */
export type Caller = {
  later(name: string, args?: readonly Value[], signal?: AbortSignal): Promise<Value>;
  now(name: string, args?: readonly Value[]): Value;
};
export type Program = (call: Caller) => Promise<void>;

export type Node = {
  readonly id: number;
  /** Asked for and not answered; empty where the program has ended. */
  readonly pending: readonly Call[];
};

type Grown = Node & { readonly program: Program; readonly history: readonly Answered[]; readonly children: Map<string, Node> };
type Answered = readonly [call: number, answer: Answer];

/** All programs that were ever started, grown as far as somebody went. */
export function forest() {
  const nodes: Grown[] = [];
  const roots = new Map<string, Node>();
  const plant = async (program: Program, history: readonly Answered[]): Promise<Node> => {
    const node = { id: nodes.length, pending: await replay(program, history), program, history, children: new Map<string, Node>() };
    nodes.push(node);
    return node;
  };
  return {
    size: () => nodes.length,
    node: (id: number): Node => nodes[id]!,
    /** The program called `name` at its first question. */
    async start(name: string, program: Program): Promise<Node> {
      const known = roots.get(name);
      if (known !== undefined) return known;
      const root = await plant(program, []);
      roots.set(name, root);
      return root;
    },
    async answer({ id }: Node, call: number, answer: Answer): Promise<Node> {
      const { program, history, children } = nodes[id]!;
      const key = `${call} ${answer.ok} ${answer.value}`;
      const known = children.get(key);
      if (known !== undefined) return known;
      const child = await plant(program, [...history, [call, answer]]);
      children.set(key, child);
      return child;
    },
  };
}
export type Forest = ReturnType<typeof forest>;

class Unanswered extends Error {}

type Open = Call & { readonly settle: (answer: Answer) => void };

const quiet = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

async function replay(program: Program, history: readonly Answered[]): Promise<Call[]> {
  const open = new Map<number, Open>();
  let asked = 0;
  let used = 0;
  let over = false;
  let waiting: Call[] | undefined;
  /** `first`: a synchronous call, which keeps everything else from being heard. */
  const stop = (first?: Call): void => {
    waiting ??= first === undefined ? [...open.values()].map(({ id, name, args }) => ({ id, name, args })) : [first];
    over = true;
  };
  /** The answer, if the history has it next and nothing else is to be told before. */
  const told = (id: number): Answer | undefined => (open.size === 0 && history[used]?.[0] === id ? history[used++]![1] : undefined);
  const call: Caller = {
    now(name, args = []) {
      if (over) throw new Unanswered();
      const id = asked++;
      // Everything that is under way could end before it: only the explorer knows.
      const answer = history[used]?.[0] === id ? history[used++]![1] : undefined;
      if (answer === undefined) {
        stop({ id, name, args });
        throw new Unanswered();
      }
      if (!answer.ok) throw new Error(`${name} failed`);
      return answer.value;
    },
    later(name, args = [], signal) {
      if (over) return new Promise(() => undefined);
      if (signal?.aborted) return Promise.reject(signal.reason);
      const id = asked++;
      const answer = told(id);
      if (answer !== undefined) return answer.ok ? Promise.resolve(answer.value) : Promise.reject(new Error(`${name} failed`));
      return new Promise((resolve, reject) => {
        open.set(id, { id, name, args, settle: ({ ok, value }) => (ok ? resolve(value) : reject(new Error(`${name} failed`))) });
        signal?.addEventListener('abort', () => open.delete(id) && reject(signal.reason), { once: true });
      });
    },
  };
  const restore = fakeTimers(fire => {
    if (over) return () => undefined;
    const id = asked++;
    open.set(id, { id, name: 'timer', args: [], settle: fire });
    return () => void open.delete(id);
  });
  try {
    let ended = false;
    void program(call).then(
      () => (ended = true),
      () => (ended = true),
    );
    await quiet();
    while (!over && used < history.length) {
      const [id, answer] = history[used++]!;
      const asking = open.get(id);
      if (asking === undefined) throw new Error('the program did not ask again what it asked before: it is not deterministic');
      open.delete(id);
      try {
        asking.settle(answer);
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
      }
      await quiet();
    }
    if (waiting === undefined) {
      stop();
      if (ended) return []; // what it asked for and did not wait for does not matter any more
      if (waiting!.length === 0) throw new Error('the program waits for something that is no call');
    }
    return waiting!;
  } finally {
    restore();
  }
}

/** While a program runs, `setTimeout` asks. `ask` returns what clears the timer. */
function fakeTimers(ask: (fire: () => void) => () => void): () => void {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const cleared = new Map<object, () => void>();
  const fakeSet = (fire: () => void): object => {
    const handle = {};
    cleared.set(handle, ask(fire));
    return handle;
  };
  const fakeClear = (handle: object | undefined): void => {
    if (handle !== undefined) cleared.get(handle)?.();
  };
  Object.assign(globalThis, { setTimeout: fakeSet, clearTimeout: fakeClear });
  return () => void Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
}
