import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { Line } from './support/report.ts';

const bench = (...words: string[]) => spawnSync(process.execPath, ['test/bench/bench.ts', ...words], { encoding: 'utf8' });

test('the benchmark runs from end to end, and its table is complete', () => {
  const { stdout, stderr } = bench(...['snapshot', 'verify', 'sustained', '--rows', '1000', '--runs', '1', '--seconds', '1', '--json']);
  expect(stdout, stderr).not.toBe('');
  const { lines } = JSON.parse(stdout) as { lines: Line[] };
  expect(lines.map(({ measure }) => measure)).toEqual([...Array(5).fill('snapshot'), 'verify', 'verify', 'sustained']);
  for (const { what, measured, numbers } of lines) {
    if (measured === 'not installed here') continue; // pgloader, psql, sqlite3: the only ones that may be absent
    expect(Object.keys(numbers), what).not.toEqual([]);
    for (const [name, value] of Object.entries(numbers)) expect(value, `${what}: ${name}`).toBeGreaterThanOrEqual(0);
  }
});

test('a measure that does not exist, or a size that is none, is named with the usage', () => {
  for (const word of ['snapshots', '--rows=many']) {
    const { status, stderr } = bench(word);
    expect(status).toBe(2);
    expect(stderr).toContain('usage: npm run bench');
  }
});
