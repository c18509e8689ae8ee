import { afterEach, expect, test, vi } from 'vitest';
import { openSpool } from '../../src/sqlite/journal/spool.ts';

afterEach(() => vi.unstubAllEnvs());

test('a temp folder that cannot be used halts, and the hint says what to do [G7]', () => {
  vi.stubEnv('TMPDIR', '/nowhere');
  expect(openSpool).toThrow(
    expect.objectContaining({
      disposition: 'halt',
      message: expect.stringMatching(/^a large batch cannot wait in the temp folder \/nowhere: ENOENT/),
      hint: expect.stringContaining('TMPDIR'),
    }),
  );
});
