import { spawnSync } from 'node:child_process';
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

const FILLING = `
  const { openSpool } = await import(process.argv[1]);
  const spool = openSpool();
  let written = 0;
  try {
    for (;;) {
      spool.write({ table: 1, rows: [['x'.repeat(100)]], gone: [], misfits: [] });
      written++;
    }
  } catch ({ disposition }) {
    console.log(JSON.stringify({ written, read: [...spool.slices()].length, disposition }));
  }`;

test('where the temp folder has room for a part of a slice only, that is no slice that was written [G7]', () => {
  const spool = new URL('../../src/sqlite/journal/spool.ts', import.meta.url).href;
  const node = ['--input-type=module', '-e', FILLING, spool];
  const { stdout } = spawnSync('/bin/sh', ['-c', 'ulimit -f 8; exec "$@"', 'sh', process.execPath, ...node], {
    env: { ...process.env, NODE_COMPILE_CACHE: undefined },
    encoding: 'utf8',
  });
  const { written, read, disposition } = JSON.parse(stdout);
  expect({ read, disposition }).toEqual({ read: written, disposition: 'retry' });
  expect(written).toBeGreaterThan(0);
});
