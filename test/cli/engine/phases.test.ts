import { expect, test } from 'vitest';
import type { Engine } from '../../../src/cli/engine/engine.ts';
import { moveOn, phaseStore } from '../../../src/cli/engine/phases.ts';
import { readPhase } from '../../../src/postgres/installed/control.ts';
import { world } from '../../postgres/world.ts';

const engineOn = ({ session }: Awaited<ReturnType<typeof world>>): Engine =>
  ({ main: session, side: session, log: { info: () => undefined }, hooks: { any: () => false } }) as unknown as Engine;
const elsewhere = { disposition: 'halt', message: expect.stringContaining('the phase is no longer') };

test('a step that was made before its answer was lost is made; one that another controller has left behind is not [G8]', async () => {
  await using w = await world();
  const engine = engineOn(w);
  await w.postgres.query(`update attacca.control set phase = 'verifying'`);
  await phaseStore(engine).advance('verifying', 'shadowing');
  await phaseStore(engine).advance('verifying', 'shadowing');
  await expect(phaseStore(engine).advance('verifying', 'switching')).rejects.toMatchObject(elsewhere);
  expect(await readPhase(w.session)).toEqual({ phase: 'shadowing', epoch: 0n });
});

test("Postgres's fence moves the phase itself: where it has not, nothing goes on as if it had [G8]", async () => {
  await using w = await world();
  const engine = engineOn(w);
  await w.postgres.query(`update attacca.control set phase = 'verifying_back'`);
  await expect(phaseStore(engine).step('verifying_back', 'switching_back')).rejects.toMatchObject(elsewhere);
  await w.postgres.query(`update attacca.control set phase = 'switching_back'`);
  await phaseStore(engine).step('verifying_back', 'switching_back');
});

test('a phase that the process before has moved already is moved once', async () => {
  await using w = await world();
  for (const _ of [1, 2]) await moveOn(engineOn(w), 'preparing', 'installed');
  expect((await readPhase(w.session)).phase).toBe('copying');
  await w.postgres.query(`update attacca.control set phase = 'fencing'`);
  await expect(moveOn(engineOn(w), 'shadowing', 'cutover', 5n), 'a switch of somebody else').rejects.toMatchObject(elsewhere);
});

test('hooks hear of a step once it is made, and of none that fails [G7]', async () => {
  await using w = await world();
  const heard: unknown[] = [];
  const hooks = { any: () => true, after: (point: string, facts: unknown) => void heard.push(point, facts) };
  const store = phaseStore({ ...engineOn(w), hooks } as unknown as Engine);
  await expect(store.advance('verifying', 'switching')).rejects.toMatchObject(elsewhere);
  expect(heard).toEqual([]);
  await w.postgres.query(`update attacca.control set phase = 'verifying'`);
  await store.advance('verifying', 'switching');
  expect(await Promise.all(heard)).toEqual(['after-fence', { direction: 'cutover', phase: 'switching', primary: null, epoch: '0' }]);
});
