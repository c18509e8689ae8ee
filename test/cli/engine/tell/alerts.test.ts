import { expect, test } from 'vitest';
import { alertsOf, reasonOf } from '../../../../src/cli/engine/tell/alerts.ts';

function heard() {
  let now = 0;
  const lines: string[] = [];
  const alerts = alertsOf(() => now);
  return {
    lines,
    later: (ms: number) => {
      now += ms;
    },
    raise: (about: string, what: string) => alerts.raise(about, reasonOf(what), () => lines.push(`${about}: ${what}`)),
    over: (about: string) => alerts.over(about, ({ seconds, times }) => lines.push(`${about} over: ${seconds} s, ${times} times`)),
    seldom: (about: string, count: number) => alerts.seldom(about, count, sum => lines.push(`${about}: ${sum}`)),
  };
}

test('what lasts is said when it begins, when it changes, and when it is over', () => {
  const { lines, later, raise, over } = heard();
  over('slot');
  for (const what of ['it keeps 10 MB', 'it keeps 12 MB', 'Postgres has given it up', 'Postgres has given it up']) {
    raise('slot', what);
    later(1_000);
  }
  raise('journal', 'nearly full');
  over('slot');
  over('slot');
  raise('slot', 'it keeps 10 MB');
  expect(lines).toEqual([
    'slot: it keeps 10 MB',
    'slot: Postgres has given it up',
    'journal: nearly full',
    'slot over: 4 s, 4 times',
    'slot: it keeps 10 MB',
  ]);
});

test('events are said once a minute, and none is left out of the sum', () => {
  const { lines, later, seldom } = heard();
  for (let n = 0; n < 5; n++) {
    seldom('orders', 2);
    later(20_000);
  }
  expect(lines).toEqual(['orders: 2', 'orders: 6']);
  seldom('log', 1);
  expect(lines.at(-1)).toBe('log: 1');
});
