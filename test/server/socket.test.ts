/* Where the daemon listens, and that nobody but the user can ask it. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { callDaemon } from '../../src/server/call.ts';
import { listen } from '../../src/server/control.ts';
import { backupFolder, hasState, privateFolder, socketPath, stateFolder } from '../../src/server/socket.ts';
import { fake, ignore, STATUS } from './fake.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'attacca-control-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const at = () => socketPath(join(folder, 'app.db'));
const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('who may ask', () => {
  test('only the user: the socket is 0600, its folder private', async () => {
    const mask = process.umask();
    const listening = listen(fake(), join(folder, 'app.db'));
    expect(mode(at()), 'from its first moment on').toBe('600');
    await using _daemon = await listening;
    expect(mode(at())).toBe('600');
    expect(process.umask(), 'of what else this process makes').toBe(mask);
    expect(mode(dirname(at()))).toBe(process.getuid?.() === 0 ? '711' : '700');
  });

  test.each([
    [1000, '700'],
    [0, '711'],
  ])('a folder of user %i is %s, also where it was open before', (uid, expected) => {
    const user = vi.spyOn(process, 'getuid').mockReturnValue(uid);
    privateFolder(join(folder, 'new', 'nested'));
    expect(mode(join(folder, 'new', 'nested'))).toBe(expected);
    mkdirSync(join(folder, 'open'), { mode: 0o777 });
    privateFolder(join(folder, 'open'));
    expect(mode(join(folder, 'open'))).toBe(expected);
    user.mockRestore();
  });
});

test('backups alone are no installation', () => {
  const source = join(folder, 'app.db');
  expect(hasState(source)).toBe(false);
  mkdirSync(backupFolder(source), { recursive: true });
  expect(hasState(source)).toBe(false);
  mkdirSync(join(stateFolder(source), 'postgres'));
  expect(hasState(source)).toBe(true);
});

describe('where it listens', () => {
  test('beside the source', () => {
    expect(socketPath('/srv/app.db')).toBe('/srv/.attacca/control.sock');
    expect(stateFolder('/srv/app.db')).toBe('/srv/.attacca');
  });

  test.each([
    ['long one', 'deep/'.repeat(20)],
    ['short one of many bytes', '漢'.repeat(30)],
  ])(
    'a path too long for a socket (a %s) falls back to a private folder under the temp folder, the same for both sides',
    async (_, between) => {
      const source = join(folder, between, 'app.db');
      mkdirSync(dirname(source), { recursive: true });
      const path = socketPath(source);
      expect(dirname(path)).toBe(join(tmpdir(), `attacca-${process.getuid?.()}`));
      expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100);
      expect(socketPath(join(dirname(source), 'other.db'))).not.toBe(path);

      await using _daemon = await listen(fake({ status: async () => STATUS }), source);
      expect(mode(path)).toBe('600');
      expect(mode(dirname(path))).toBe(process.getuid?.() === 0 ? '711' : '700');
      expect(await callDaemon(source, { operation: 'status' }, ignore)).toEqual({ result: STATUS });
    },
  );

  test('and that folder has to be the user’s alone: whoever else could write there could answer', async () => {
    vi.stubEnv('TMPDIR', folder);
    onTestFinished(() => void vi.unstubAllEnvs());
    const source = join(folder, 'deep/'.repeat(20), 'app.db');
    const shared = dirname(socketPath(source));
    const refusal = { name: 'Refused', blockers: [{ code: 'foreign-folder', reason: expect.stringContaining(shared) }] };
    const refused = async (): Promise<void> => {
      await expect(callDaemon(source, { operation: 'status' }, ignore)).rejects.toMatchObject(refusal);
      await expect(listen(fake(), source)).rejects.toMatchObject(refusal);
      rmSync(shared, { recursive: true });
    };
    expect(await callDaemon(source, { operation: 'status' }, ignore)).toBeUndefined();
    mkdirSync(shared);
    chmodSync(shared, 0o777);
    await refused();
    symlinkSync(folder, shared);
    await refused();
    mkdirSync(shared, { mode: 0o700 });
    const user = vi.spyOn(process, 'getuid').mockReturnValue(4_242);
    const theirs = dirname(socketPath(source));
    mkdirSync(theirs, { mode: 0o700 });
    await expect(listen(fake(), source)).rejects.toMatchObject({ blockers: [{ code: 'foreign-folder' }] });
    user.mockRestore();
    await using _daemon = await listen(fake({ status: async () => STATUS }), source);
    expect(await callDaemon(source, { operation: 'status' }, ignore)).toEqual({ result: STATUS });
  });
});
