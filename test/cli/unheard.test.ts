/* What a command does when nobody takes what it says: a reader that has gone (`| head`), a full disk. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { buildShop } from '../support/shop.ts';
import { BINARY, openWorld, type World } from '../support/world.ts';
import { makePlace, run } from './refusals.ts';

type Ended = { readonly code: number | null; readonly stderr: string };

/** Runs a command whose readers go away after the first word of either, or before it. */
async function leaving(world: World, words: readonly string[], { first = false, deaf = false } = {}): Promise<Ended> {
  const child = spawn(process.execPath, [BINARY, ...words, '--source', world.source], {
    cwd: world.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', chunk => {
    stderr += chunk;
  });
  if (first) await once(child.stdout, 'data');
  child.stdout.destroy();
  if (deaf) child.stderr.destroy();
  const [code] = await once(child, 'exit');
  return { code, stderr };
}

test('a reader that goes away ends what only speaks, and stops no switch', async () => {
  await using world = await openWorld(buildShop(20));
  expect(await leaving(world, ['assess', '--quiet'])).toEqual({ code: 0, stderr: '' });
  world.start();
  await world.until(({ phase }) => phase === 'shadowing');
  expect(await leaving(world, ['status', '--watch'], { first: true })).toEqual({ code: 0, stderr: '' });
  await world.json(0, 'verify');
  expect(await leaving(world, ['cutover', '--yes'], { deaf: true })).toMatchObject({ code: 0 });
  await world.until(({ phase, primary }) => phase === 'mirroring' && primary === 'postgres');
});

test.skipIf(!existsSync('/dev/full'))('a file that cannot be written is a failure that says why', async () => {
  using place = makePlace();
  const { code, stderr } = await run(['plan', '--source', 'app.db', '--out', '/dev/full'], { cwd: place.folder });
  expect([code, stderr]).toEqual([2, expect.stringMatching(/\/dev\/full cannot be written: ENOSPC/)]);
});

test.skipIf(!existsSync('/dev/full'))('output that cannot be written is a failure, said in one sentence', async () => {
  await using world = await openWorld(buildShop(20));
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [BINARY, 'plan', '--sql', '--quiet', '--source', world.source], {
    stdio: ['ignore', full, 'pipe'],
  });
  closeSync(full);
  let stderr = '';
  child.stderr?.on('data', chunk => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^attacca: the output cannot be written: ENOSPC[^\n]*\n {2}→ [^\n]+\n$/);
});
