import { expect, test } from 'vitest';
import type { Mark, Rows } from '../../../../src/change/change.ts';
import type { Sink } from '../../../../src/change/ports.ts';
import type { Installed } from '../../../../src/cli/engine/engine.ts';
import { forwardTail } from '../../../../src/cli/engine/forward/forward-tail.ts';
import { install } from '../../../../src/sqlite/capture/install.ts';
import { fixture } from '../../../sqlite/mirrored.ts';

/** What hangs would do so for ever. */
const LIMIT = { timeout: 60_000 };

/** A tail whose comparison has just asked Postgres for the lengths of columns, and the answer to that. */
async function comparing(checkpointed: (asked: Promise<void>, installed: Mark) => Promise<Mark>) {
  const file = fixture('create table t (id integer primary key)');
  const checkpoint = await install(file.db, file.plan, { install: 'i', target: 't' }, 5_000);
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<{ rows: [] }>();
  const query = (): Promise<{ rows: [] }> => {
    asked.resolve();
    return answer.promise;
  };
  const engine = { config: { source: file.path, verify: { everySeconds: 0.001 } }, side: { query }, main: { roundTrip: async () => [] } };
  const on = { engine, plan: { ...file.plan, existing: true }, writer: { replicaRole: false } } as unknown as Installed;
  const sink = { checkpoint: () => checkpointed(asked.promise, checkpoint) } as Sink<Mark, Rows>;
  const tail = forwardTail(on, sink, { checkpoint, verifying: true });
  await asked.promise;
  return { tail, answer: () => answer.resolve({ rows: [] }), [Symbol.dispose]: () => file[Symbol.dispose]() };
}

test('a comparison that comes for a state when the pipe has ended gets none, and keeps no switch waiting [G9]', LIMIT, async () => {
  using world = await comparing(async (_, installed) => installed);
  const stopped = world.tail.stop();
  setTimeout(world.answer);
  await stopped;
  await expect(world.tail.pin()).rejects.toThrow('the journal is no longer read');
});

test(
  'nor does one that waits for a pipe that could not begin, since Postgres was away: the tail ends, and is begun anew [G7]',
  LIMIT,
  async () => {
    using world = await comparing(async asked => {
      await asked;
      await new Promise(setImmediate);
      world.answer();
      await new Promise(setImmediate);
      throw new Error('Postgres is away');
    });
    await expect(world.tail.done).rejects.toThrow('Postgres is away');
  },
);
