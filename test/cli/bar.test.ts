import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { progressBar } from '../../src/cli/bar.ts';
import { inWords, reckon, shareOf } from '../../src/cli/engine/tell/reckoning.ts';

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
  expect(inWords(reckon(300, 1_200, 1_500))).toBe('300 of 1200 rows, 200 rows/s, 5 s left');
  expect(inWords(reckon(1_500, 1_200, 3_000))).toBe('1500 of 1500 rows, 500 rows/s, 0 s left');
  expect(inWords(reckon(0, 0, 0))).toBe('0 of 0 rows, 0 rows/s, 0 s left');
  expect([shareOf({ rows: 3, total: 4 }), shareOf({ rows: 0, total: 0 })]).toEqual([0.75, 0]);
});
