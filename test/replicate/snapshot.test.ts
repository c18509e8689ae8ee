import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Chunk } from '../../src/change/ports.ts';
import { type Progress, type Snapshot, snapshot } from '../../src/replicate/snapshot.ts';

/** Rows of each table, by table id. */
type Tables = ReadonlyMap<number, readonly string[]>;

/** What is durable in the target: chunks as they were written, and the progress that committed with them. */
type Target = { readonly rows: Map<number, string[]>; readonly progress: Map<number, Progress>; write: Snapshot['write'] };

function read(tables: Tables): Snapshot['read'] {
  return (table, cursor, limit): Chunk => {
    const rows = tables.get(table) ?? [];
    const from = cursor === null ? 0 : Number(cursor);
    const end = from + limit;
    return { rows: rows.slice(from, end).map(value => [value]), misfits: [], cursor: end < rows.length ? String(end) : null };
  };
}

function target(): Target {
  const rows = new Map<number, string[]>();
  const progress = new Map<number, Progress>();
  return {
    rows,
    progress,
    async write(table, chunk, after) {
      await new Promise(setImmediate);
      rows.set(table, [...(rows.get(table) ?? []), ...chunk.rows.map(row => row[0] ?? '')]);
      progress.set(table, after);
    },
  };
}

const work = (tables: Tables, into: Target, more: Partial<Snapshot> = {}): Snapshot => ({
  tables: [...tables.keys()],
  parallelChunks: 2,
  chunkRows: 3,
  progress: new Map(into.progress),
  read: read(tables),
  write: into.write,
  onProgress: () => undefined,
  ...more,
});

const never = new AbortController().signal;
const shapes = fc.array(fc.nat({ max: 10 }), { minLength: 1, maxLength: 5 });
const filled = (sizes: readonly number[]): Tables =>
  new Map(sizes.map((size, index) => [index + 1, Array.from({ length: size }, (_, row) => `${index + 1}.${row}`)]));

test('killed at any writes, before or after they are durable, it goes on at the chunk: every row once [G2]', async () => {
  const deaths = fc.array(fc.record({ write: fc.nat({ max: 8 }), durable: fc.boolean() }), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(shapes, deaths, fc.integer({ min: 1, max: 4 }), async (sizes, schedule, chunkRows) => {
      const tables = filled(sizes);
      const into = target();
      for (const death of schedule) {
        let writes = 0;
        const write: Snapshot['write'] = async (...chunk) => {
          const dies = writes++ === death.write;
          if (dies && !death.durable) throw new Error('injected: died before the write');
          await into.write(...chunk);
          if (dies) throw new Error('injected: died after the write');
        };
        await snapshot(work(tables, into, { chunkRows, write }), never).catch(() => undefined);
      }
      await snapshot(work(tables, into, { chunkRows }), never);

      for (const [table, rows] of tables) {
        expect(into.rows.get(table) ?? []).toEqual(rows);
        expect(into.progress.get(table)).toEqual({ cursor: null, rows: rows.length, done: true });
      }
    }),
    { numRuns: 60 },
  );
});

test('never more than parallelChunks at once, and that many when there are enough tables', async () => {
  await fc.assert(
    fc.asyncProperty(shapes, fc.integer({ min: 1, max: 4 }), async (sizes, parallelChunks) => {
      const tables = filled(sizes);
      const into = target();
      let now = 0;
      let most = 0;
      const write: Snapshot['write'] = async (...chunk) => {
        most = Math.max(most, ++now);
        await into.write(...chunk);
        now--;
      };
      await snapshot(work(tables, into, { parallelChunks, write }), never);
      expect(most).toBe(Math.min(parallelChunks, sizes.length));
    }),
    { numRuns: 40 },
  );
});

test('a chunk is read only when the one before it is written', async () => {
  const tables = filled([9]);
  const into = target();
  const source = read(tables);
  await snapshot(
    work(tables, into, {
      read(table, cursor, limit) {
        expect(into.rows.get(table)?.length ?? 0).toBe(Number(cursor ?? 0));
        return source(table, cursor, limit);
      },
    }),
    never,
  );
  expect(into.rows.get(1)).toHaveLength(9);
});

test('a table that is done is not read again; an empty one is done by one chunk', async () => {
  const tables = filled([4, 0]);
  const into = target();
  await snapshot(work(tables, into), never);
  expect(into.progress.get(2)).toEqual({ cursor: null, rows: 0, done: true });
  await snapshot(work(tables, into, { read: () => expect.unreachable('everything is copied') }), never);
});

test('progress is reported only after it is durable', async () => {
  const tables = filled([5, 7]);
  const into = target();
  const reported: Progress[] = [];
  await snapshot(
    work(tables, into, {
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
  const tables = filled([9, 9, 9]);
  const into = target();
  const first = new Error('first');
  let settled = false;
  const written: number[] = [];
  const write: Snapshot['write'] = async (table, ...rest) => {
    written.push(table);
    if (table === 1) throw first;
    for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
    await into.write(table, ...rest);
    settled = true;
    throw new Error('second');
  };
  await expect(snapshot(work(tables, into, { write }), never)).rejects.toBe(first);
  expect(settled).toBe(true);
  expect(written).toEqual([1, 2]);
});

test('a source that cannot be read fails it too', async () => {
  const unreadable = new Error('unreadable');
  const failing = work(filled([3]), target(), {
    read: () => {
      throw unreadable;
    },
  });
  await expect(snapshot(failing, never)).rejects.toBe(unreadable);
});

test('cancelled, it stops between two chunks and says so', async () => {
  const tables = filled([30]);
  const into = target();
  const cancel = new AbortController();
  await expect(snapshot(work(tables, into, { onProgress: () => cancel.abort() }), cancel.signal)).rejects.toThrow('abort');
  expect(into.rows.get(1)).toHaveLength(3);
});
