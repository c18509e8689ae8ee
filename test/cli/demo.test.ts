import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { BINARY } from '../support/world.ts';

test.each([
  ['Ctrl-C, which its processes hear too', 'its page, while this lasts', true],
  ['a signal to it alone', 'writer processes', false],
])('a demo that is interrupted leaves nothing: %s', async (_, when, everybody) => {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-interrupted-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755); // as root the embedded server is another user
  const env = { ...process.env, TMPDIR: folder };
  const demo = spawn(process.execPath, [BINARY, 'demo'], { detached: true, env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(demo, 'exit');
  let said = '';
  demo.stderr.on('data', piece => (said += piece));
  await expect.poll(() => said).toContain(when);
  process.kill(everybody ? -demo.pid! : demo.pid!, 'SIGINT');
  expect(await ended).toEqual([1, null]);
  expect(said).toContain('the demo was interrupted');
  expect(readdirSync(folder).filter(name => name.startsWith('attacca-demo-'))).toEqual([]);
});
