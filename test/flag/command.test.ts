import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { opened, rejected } from './context.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'attacca-command-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const at = (name: string): string => join(folder, name);
const PATH = process.env.PATH;

/** A program of the operator's. */
function program(name: string, script: string): string {
  writeFileSync(at(name), `#!/bin/sh\n${script}\n`);
  chmodSync(at(name), 0o755);
  return at(name);
}

const flagOf = (write: string, read: string, more: object = {}, epoch = 0n) =>
  opened(
    { kind: 'command', write: [write, 'now'], read: [read], timeoutMs: 20_000, ...more },
    { env: { PATH, OWN: 'x' }, epoch: () => epoch },
  );

test('a program is given the facts, and what another one prints is read back', async () => {
  const write = program(
    'write',
    `cat > ${at('facts')}; echo "$1 $ATTACCA_PRIMARY $ATTACCA_VALUE $ATTACCA_EPOCH $OWN" > ${at('env')}; echo "$ATTACCA_VALUE $ATTACCA_EPOCH" > ${at('flag')}`,
  );
  const read = program('read', `test ! -e ${at('flag')} || cat ${at('flag')}`);
  const flag = flagOf(write, read);
  expect(await flag.read()).toBeUndefined();
  expect(await flag.check('sqlite')).toBeUndefined();
  await flag.write({ primary: 'postgres', epoch: 3n });
  expect(JSON.parse(readFileSync(at('facts'), 'utf8'))).toEqual({ value: 'postgresql', primary: 'postgres', epoch: '3' });
  expect(readFileSync(at('env'), 'utf8')).toBe('now postgres postgresql 3 x\n');
  expect(await flag.read()).toEqual({ primary: 'postgres', epoch: 3n });
  expect(await rejected(flag.write({ primary: 'sqlite', epoch: 2n }))).toMatchObject({ disposition: 'halt' });
});

test('without an epoch in what is printed, the one in Postgres counts', async () => {
  const flag = flagOf(program('write', `echo "$ATTACCA_VALUE" > ${at('flag')}`), program('read', `cat ${at('flag')}`), {}, 6n);
  writeFileSync(at('flag'), 'sqlite\n');
  expect(await flag.read()).toEqual({ primary: 'sqlite', epoch: 6n });
  expect(await rejected(flag.write({ primary: 'postgres', epoch: 5n }))).toMatchObject({ disposition: 'halt' });
  expect(readFileSync(at('flag'), 'utf8')).toBe('sqlite\n');
});

test('the gate runs the program only where it was told to', async () => {
  const write = program('write', `touch ${at('ran')}; echo "$ATTACCA_VALUE" > ${at('flag')}`);
  const read = program('read', 'echo sqlite');
  expect(await flagOf(write, read).check('sqlite')).toBeUndefined();
  expect(existsSync(at('ran'))).toBe(false);
  expect(await flagOf(write, read, { rewrite: true }).check('sqlite')).toBeUndefined();
  expect(existsSync(at('ran'))).toBe(true);
});

test.each([
  ['ends with a failure', 'echo the-secret >&2; exit 3', {}, 'ended with exit code 3'],
  ['takes too long', `sleep 3600 & echo $! > "$OWN_PID"; wait`, { timeoutMs: 300 }, 'did not end within 300 ms and was killed'],
  ['does not keep it', 'true', { timeoutMs: 3_000 }, 'reads back differently'],
])('a program that %s is named, retried after the fence, and nothing of what it said is repeated', async (_, script, more, says) => {
  const flag = flagOf(program('write', script.replace('"$OWN_PID"', at('pid'))), program('read', 'echo sqlite'), more);
  const { disposition, said } = await rejected(flag.write({ primary: 'postgres', epoch: 1n }));
  expect([disposition, said]).toEqual(['retry', expect.stringContaining(says)]);
  expect(said).not.toContain('the-secret');
  if (existsSync(at('pid'))) {
    const child = Number(readFileSync(at('pid'), 'utf8'));
    await expect.poll(() => gone(child)).toBe(true); // its children go with it
  }
});

test('a program that leaves somebody behind who holds its output is not waited for longer than it may take', async () => {
  const read = program('read', `setsid sleep 60 & echo $! > ${at('pid')}; echo sqlite`);
  await expect(flagOf(program('write', 'true'), read, { timeoutMs: 300 }).read()).rejects.toThrow('did not end within 300 ms');
  const left = Number(readFileSync(at('pid'), 'utf8'));
  expect(gone(left)).toBe(false);
  process.kill(left);
});

test('one that sets the flag may leave somebody behind; what one prints without end is not kept', async () => {
  const left = `sleep 3600 & echo $! > ${at('pid')}; echo "$ATTACCA_VALUE" > ${at('flag')}`;
  await flagOf(program('write', left), program('read', `cat ${at('flag')} || true`)).write({ primary: 'postgres', epoch: 1n });
  const pid = Number(readFileSync(at('pid'), 'utf8'));
  expect(gone(pid)).toBe(false);
  process.kill(pid);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  await flagOf('/nowhere', program('read', 'echo sqlite')).read();
  expect(vi.getTimerCount(), 'its number may be that of another program later').toBe(0);
  await expect(flagOf('/nowhere', program('read', 'yes')).read()).rejects.toThrow('printed more than 65536 characters');
});

/** Killed: no process of this number, or one that only waits for its parent to notice. */
function gone(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

test('a program that is not there is named', async () => {
  const flag = flagOf('/nowhere/set-flag', '/nowhere/get-flag');
  expect(await flag.check('sqlite')).toContain('/nowhere/get-flag cannot be started: ENOENT');
});

test('a value that is neither side is not guessed at', async () => {
  const flag = flagOf(program('write', 'true'), program('read', 'echo mysql'));
  expect(await rejected(flag.read())).toMatchObject({ disposition: 'halt' });
});
