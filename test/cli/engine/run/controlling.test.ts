import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { Engine } from '../../../../src/cli/engine/engine.ts';
import { controller } from '../../../../src/cli/engine/run/controlling.ts';
import { makePlace } from '../../refusals.ts';

test('of two switches at once the second is refused; what makes way is told to, and waited for; the end waits for what runs [G8]', async () => {
  const { alone, run } = controller({ config: { source: '/srv/app.db' } } as Engine);
  const [first, verified] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  const busy = (what: string) => ({ name: 'Refused', blockers: [{ code: 'busy', reason: `${what} is running` }] });
  const never = () => Promise.reject(new Error('two at once'));
  const cutover = alone('cutover', () => first.promise);
  await expect(alone('rollback', never)).rejects.toMatchObject(busy('cutover'));
  await expect(alone('verify', never, new AbortController())).rejects.toMatchObject(busy('cutover'));
  let ended = false;
  const over = run(AbortSignal.abort(), () => undefined).then(() => (ended = true));
  await new Promise(setImmediate);
  expect(ended, 'whoever starts anew waits for it').toBe(false);
  first.resolve('done');
  expect(await cutover).toBe('done');
  await over;

  const interrupt = new AbortController();
  const verify = alone('verify', () => verified.promise, interrupt);
  let began = false;
  const rollback = alone('rollback', async () => (began = true));
  expect(interrupt.signal.reason).toMatchObject(busy('rollback'));
  await new Promise(setImmediate);
  expect(began).toBe(false);
  verified.reject(interrupt.signal.reason);
  await expect(verify).rejects.toMatchObject(busy('rollback'));
  expect(await rollback).toBe(true);
  expect(await alone('cutover', async () => 'after a failure too')).toBe('after a failure too');
});

test('a file that is locked in the middle of what was asked for is named, with what to do [G7]', async () => {
  using place = makePlace();
  const [application, ours] = [new Database(place.source), new Database(place.source, { timeout: 0 })];
  application.exec('begin exclusive');
  const asked = controller({ config: { source: place.source } } as Engine).alone('cutover', async () => ours.exec('select * from item'));
  await expect(asked).rejects.toMatchObject({
    name: 'Refused',
    message: `${place.source} is locked by another process`,
    blockers: [{ code: 'source-locked' }],
  });
  for (const db of [application, ours]) db.close();
});
