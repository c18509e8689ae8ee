import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Batch } from '../../src/change/change.ts';
import type { Sink, Source } from '../../src/change/ports.ts';
import { pipe } from '../../src/replicate/pipe.ts';

/** What a batch adds to each key: adding twice, or never, shows. */
type Changes = readonly { readonly key: number; readonly add: number }[];
type Pipe = { readonly source: Source<number, Changes>; readonly sink: Sink<number, Changes> };

/** Forgets what was acknowledged, as a journal or a slot does: a batch acknowledged too early can never be read again. */
function memorySource(batches: readonly Changes[]): Source<number, Changes> & { readonly acknowledged: number } {
  let forgotten = 0;
  return {
    get acknowledged() {
      return forgotten;
    },
    async *read(after, signal) {
      for (const [index, changes] of batches.entries()) {
        const position = index + 1;
        if (position <= after || signal.aborted) continue;
        if (position <= forgotten) throw new Error(`batch ${position} is gone`);
        yield { position, changes };
      }
    },
    async acknowledge(position) {
      forgotten = position;
    },
  };
}

function memorySink(): Sink<number, Changes> & { readonly sums: ReadonlyMap<number, number> } {
  const sums = new Map<number, number>();
  let position = 0;
  return {
    sums,
    checkpoint: async () => position,
    async apply(batch) {
      if (batch.position <= position) return;
      for (const { key, add } of batch.changes) sums.set(key, (sums.get(key) ?? 0) + add);
      position = batch.position;
    },
  };
}

const FAULTS = ['before apply', 'after apply', 'before acknowledge', 'after acknowledge'] as const;
type Fault = { readonly at: (typeof FAULTS)[number]; readonly survives: number };

/** The same ends, but the process dies at one point of one batch. */
function dying({ source, sink }: Pipe, { at, survives }: Fault): Pipe {
  let left = survives;
  const reach = (point: Fault['at']): void => {
    if (point === at && left-- === 0) throw new Error(`injected: died ${point}`);
  };
  return {
    source: {
      read: (after, signal) => source.read(after, signal),
      async acknowledge(position) {
        reach('before acknowledge');
        await source.acknowledge(position);
        reach('after acknowledge');
      },
    },
    sink: {
      checkpoint: () => sink.checkpoint(),
      async apply(batch) {
        reach('before apply');
        await sink.apply(batch);
        reach('after apply');
      },
    },
  };
}

const never = new AbortController().signal;
const changes = fc.array(fc.record({ key: fc.nat({ max: 4 }), add: fc.integer({ min: 1, max: 9 }) }), { maxLength: 4 });
const history = fc.array(changes, { maxLength: 8 });
const faults = fc.array(fc.record({ at: fc.constantFrom(...FAULTS), survives: fc.nat({ max: 4 }) }), { maxLength: 8 });

test('any schedule of crashes converges to the uninterrupted result [G2]', async () => {
  await fc.assert(
    fc.asyncProperty(history, faults, async (batches, schedule) => {
      const expected = memorySink();
      await pipe(memorySource(batches), expected, never);

      const source = memorySource(batches);
      const sink = memorySink();
      for (const fault of schedule) {
        const ends = dying({ source, sink }, fault);
        await pipe(ends.source, ends.sink, never).catch(() => undefined);
      }
      await pipe(source, sink, never);

      expect([...sink.sums].sort()).toEqual([...expected.sums].sort());
      expect(await sink.checkpoint()).toBe(batches.length);
    }),
  );
});

test('a batch is acknowledged only when its apply has resolved, and reported only then', async () => {
  const calls: string[] = [];
  const inner = memorySink();
  const source = memorySource([[], [], []]);
  const slow: Sink<number, Changes> = {
    checkpoint: () => inner.checkpoint(),
    async apply(batch) {
      calls.push(`apply ${batch.position}`);
      await new Promise(setImmediate);
      await inner.apply(batch);
      calls.push(`applied ${batch.position}`);
    },
  };
  const spied: Source<number, Changes> = {
    read: (after, signal) => source.read(after, signal),
    async acknowledge(position) {
      calls.push(`acknowledge ${position}`);
      await source.acknowledge(position);
    },
  };
  await pipe(spied, slow, never, (batch: Batch<number, Changes>) => calls.push(`done ${batch.position}`));
  expect(calls).toEqual([1, 2, 3].flatMap(n => [`apply ${n}`, `applied ${n}`, `acknowledge ${n}`, `done ${n}`]));
});

test('what the sink refuses is never acknowledged, and the refusal surfaces as it is', async () => {
  const refusal = new Error('refused');
  const source = memorySource([[], []]);
  const sink: Sink<number, Changes> = { checkpoint: async () => 0, apply: async () => Promise.reject(refusal) };
  await expect(pipe(source, sink, never)).rejects.toBe(refusal);
  expect(source.acknowledged).toBe(0);
});

test('reading begins after the checkpoint of the sink, not of the source', async () => {
  const sink = memorySink();
  await sink.apply({ position: 2, changes: [] });
  const read: number[] = [];
  await pipe(memorySource([[], [], []]), sink, never, batch => read.push(batch.position));
  expect(read).toEqual([3]);
});

test('ends when it is cancelled', async () => {
  const cancel = new AbortController();
  const sink = memorySink();
  await pipe(memorySource([[], [], []]), sink, cancel.signal, () => cancel.abort());
  expect(await sink.checkpoint()).toBe(1);
});
