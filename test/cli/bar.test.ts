import { PassThrough } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { progressBar } from '../../src/cli/bar.ts';
import { type Far, onceASecond, reckon, saying } from '../../src/cli/engine/tell/reckoning.ts';

/** What a command has said to a terminal, or to a pipe. */
function speaking(isTTY: boolean, quiet = false) {
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 120 });
  const bar = progressBar({ json: false, quiet, stdout: new PassThrough(), stderr });
  return { bar, said: () => String(stderr.read() ?? '') };
}

test('a terminal gets a bar, which goes when the work is done; a pipe gets lines', () => {
  const terminal = speaking(true);
  terminal.bar.say('comparing events: 5 of 10 rows', 0.5);
  terminal.bar.say('and it does not go past the end', 1.2);
  terminal.bar.end();
  const drawn = terminal.said().split('\u001b[2K'); // what clears the line
  expect(drawn.slice(0, -1).join('')).toMatch(/░{24}[\s\S]*█{24} 100 % and it does not go past the end/);
  expect(drawn.at(-1)).not.toMatch(/[░█]/);
  terminal.bar.say('nobody knows how much that is');
  expect(terminal.said()).toMatch(/^[^░█]*nobody knows how much that is[^░█]*\n$/);

  const pipe = speaking(false);
  pipe.bar.say('comparing events: 5 of 10 rows', 0.5);
  pipe.bar.end();
  expect(pipe.said()).toBe('comparing events: 5 of 10 rows\n');
});

test.each([true, false])('--quiet says nothing (terminal: %s)', isTTY => {
  const { bar, said } = speaking(isTTY, true);
  bar.say('one', 0.5);
  bar.say('two');
  bar.end();
  expect(said()).toBe('');
});

test('rate and time left are reckoned from what was done, also where there are more rows than was thought', () => {
  const said: [string, number | undefined][] = [];
  const tell = saying((line, share) => said.push([line, share]), 'comparing');
  tell({ table: 't', ...reckon(300, 1_200, 1_500) });
  tell({ table: 't', ...reckon(1_500, 1_200, 3_000) });
  tell({ table: 't', ...reckon(0, 0, 0) });
  expect(said).toEqual([
    ['comparing t: 300 of 1200 rows, 200 rows/s, 5 s left', 0.25],
    ['comparing t: 1500 of 1500 rows, 500 rows/s, 0 s left', 1],
    ['comparing t: 0 of 0 rows, 0 rows/s, 0 s left', 0],
  ]);
});

test('however often work says how far it is, that is told once a second', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    const told: Far[] = [];
    const tell = onceASecond(far => told.push(far));
    for (let rows = 1; rows <= 250; rows++) {
      vi.advanceTimersByTime(10);
      tell({ table: 't', rows, total: 1_000 });
    }
    expect(told).toEqual([
      { table: 't', rows: 100, total: 1_000, rowsPerSecond: 100, etaSeconds: 9 },
      { table: 't', rows: 200, total: 1_000, rowsPerSecond: 100, etaSeconds: 8 },
    ]);
  } finally {
    vi.useRealTimers();
  }
});
