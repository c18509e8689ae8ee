import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TableProgress } from '../../src/change/ports.ts';
import { dialOf, paceOf } from '../../src/replicate/pace.ts';
import { type Lane, type Pace, type Snapshot, snapshot } from '../../src/replicate/snapshot.ts';

/** Rows of each table, by table id. */
type Tables = ReadonlyMap<number, readonly string[]>;

/** What is durable in the target: chunks as they were written, and the progress that committed with them. */
type Target = { readonly rows: Map<number, string[]>; readonly progress: Map<number, TableProgress> };

const target = (): Target => ({ rows: new Map(), progress: new Map() });
const turn = (): Promise<void> => new Promise(setImmediate);

/** A lane over memory; `wait` is called before every step, with its name and the table's id. */
function lane(tables: Tables, into: Target, wait: (step: 'read' | 'copy' | 'write' | 'written', table: number) => unknown): Lane {
  let chunk = { table: 0, from: null as string | null, rows: [] as readonly string[], cursor: null as string | null };
  return {
    async read(table, from, { rows: limit }) {
      await wait('read', table);
      const all = tables.get(table) ?? [];
      const end = Number(from ?? 0) + limit;
      chunk = { table, from, rows: all.slice(Number(from ?? 0), end), cursor: end < all.length ? String(end) : null };
      return { cursor: chunk.cursor };
    },
    async copy() {
      await wait('copy', chunk.table);
    },
    async write() {
      const { table, from, rows, cursor } = chunk;
      await wait('write', table);
      const before = into.progress.get(table) ?? { cursor: null, rows: 0, done: false };
      expect({ cursor: before.cursor, done: before.done }, 'a chunk goes where the one before it ended').toEqual({
        cursor: from,
        done: false,
      });
      into.rows.set(table, [...(into.rows.get(table) ?? []), ...rows]);
      into.progress.set(table, { cursor, rows: before.rows + rows.length, done: cursor === null });
      await wait('written', table);
      return rows.length;
    },
  };
}

const pace = (rows: number): Pace => ({
  admit: async () => undefined,
  reading: read => read({ rows, bytes: 1e9, ms: 1e9 }),
  rest: async () => undefined,
});

type More = Partial<Snapshot> & { readonly count?: number; readonly chunkRows?: number; readonly wait?: Parameters<typeof lane>[2] };

const work = (tables: Tables, into: Target, { count = 2, chunkRows = 3, wait = turn, ...more }: More = {}): Snapshot => ({
  tables: [...tables.keys()],
  lanes: Array.from({ length: count }, () => lane(tables, into, wait)),
  progress: new Map(into.progress),
  pace: pace(chunkRows),
  onProgress: () => undefined,
  ...more,
});

const never = new AbortController().signal;
const shapes = fc.array(fc.nat({ max: 10 }), { minLength: 1, maxLength: 5 });
const filled = (sizes: readonly number[]): Tables =>
  new Map(sizes.map((size, index) => [index + 1, Array.from({ length: size }, (_, row) => `${index + 1}.${row}`)]));

test('killed at any step, before or after it is durable, it goes on at the chunk: every row once [G2]', async () => {
  const deaths = fc.array(fc.nat({ max: 20 }), { maxLength: 5 });
  const lanes = fc.integer({ min: 1, max: 4 });
  await fc.assert(
    fc.asyncProperty(
      shapes,
      deaths,
      lanes,
      fc.integer({ min: 1, max: 4 }),
      fc.scheduler(),
      async (sizes, schedule, count, chunkRows, s) => {
        const tables = filled(sizes);
        const into = target();
        for (const death of schedule) {
          let steps = 0;
          const wait = async (): Promise<void> => {
            const dies = steps++ === death;
            await s.schedule(Promise.resolve());
            if (dies) throw new Error('injected');
          };
          await s.waitFor(snapshot(work(tables, into, { count, chunkRows, wait }), never).catch(() => undefined));
        }
        const wait = (): Promise<void> => s.schedule(Promise.resolve());
        await s.waitFor(snapshot(work(tables, into, { count, chunkRows, wait }), never));

        for (const [table, rows] of tables) {
          expect(into.rows.get(table) ?? []).toEqual(rows);
          expect(into.progress.get(table)).toEqual({ cursor: null, rows: rows.length, done: true });
        }
      },
    ),
    { numRuns: 100 },
  );
});

test('lanes share one table: the next chunk is read while the one before it is written, and commits after it', async () => {
  const into = target();
  const steps: string[] = [];
  const wait = async (step: string): Promise<void> => {
    steps.push(step);
    for (let turns = 0; turns < (step === 'copy' ? 5 : 1); turns++) await turn();
  };
  await snapshot(work(filled([9]), into, { wait }), never);
  expect(into.rows.get(1)).toHaveLength(9);
  expect(steps.indexOf('write'), 'two chunks are read before the first is written').toBeGreaterThan(steps.lastIndexOf('read', 4));
  expect(steps.slice(0, 4).filter(step => step === 'read')).toHaveLength(2);
});

test('a table that is done is not read again; an empty one is done by one chunk', async () => {
  const tables = filled([4, 0]);
  const into = target();
  await snapshot(work(tables, into), never);
  expect(into.progress.get(2)).toEqual({ cursor: null, rows: 0, done: true });
  await snapshot(work(tables, into, { wait: () => expect.unreachable('everything is copied') }), never);
});

test('progress is reported only after it is durable', async () => {
  const into = target();
  const reported: TableProgress[] = [];
  await snapshot(
    work(filled([5, 7]), into, {
      onProgress(table, progress) {
        expect(into.progress.get(table)).toEqual(progress);
        reported.push(progress);
      },
    }),
    never,
  );
  expect(reported).toHaveLength(5);
});

test('the first failure surfaces once every chunk under way has settled; nothing new begins', async () => {
  const into = target();
  const first = new Error('first');
  let settled = 0;
  const reads: number[] = [];
  const wait = async (step: string, table: number): Promise<void> => {
    if (step === 'read') reads.push(table);
    if (table === 1 && step === 'write') throw first;
    for (let turns = 0; turns < 5; turns++) await turn();
    if (step === 'written') settled++;
  };
  await expect(snapshot(work(filled([9, 9, 9]), into, { wait }), never)).rejects.toBe(first);
  expect(settled).toBe(1);
  expect(reads).toEqual([1, 2]);
});

test('a source that cannot be read fails it too, also where another lane waits for the same table', async () => {
  const unreadable = new Error('unreadable');
  const wait = async (step: string): Promise<void> => {
    await turn();
    if (step === 'read') throw unreadable;
  };
  await expect(snapshot(work(filled([3]), target(), { wait }), never)).rejects.toBe(unreadable);
});

test('cancelled, it stops between two chunks and says so', async () => {
  const into = target();
  const cancel = new AbortController();
  await expect(snapshot(work(filled([30]), into, { count: 1, onProgress: () => cancel.abort() }), cancel.signal)).rejects.toThrow('abort');
  expect(into.rows.get(1)).toHaveLength(3);
});

test('a lane that may not work leaves everything to the others, and ends with them', async () => {
  const tables = filled([10, 7]);
  const into = target();
  const worked = new Set<number>();
  const only = paceOf({
    lanes: 2,
    allowance: { bytes: 1e9, ms: 1e9 },
    dial: dialOf({ rowsPerSecond: null, nice: 0, chunkRows: 3, paused: false }),
    working: () => 1,
  });
  const plan = work(tables, into);
  const lanes = plan.lanes.map((each, place): Lane => {
    const read: Lane['read'] = (...call) => {
      worked.add(place);
      return each.read(...call);
    };
    return { ...each, read };
  });
  await snapshot({ ...plan, lanes, pace: only }, never);
  expect([...worked]).toEqual([0]);
  expect([...into.progress.values()].every(({ done }) => done)).toBe(true);
});
