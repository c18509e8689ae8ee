import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { shellWord } from '../../src/change/shell.ts';

const NAMES = ['orders', 'main.orders', 'order items', "o'brien", '$HOME', 'a"b', 'a;b', '*', '~', 'é\n', '`ls`', 'a\\b', '#', '', '!'];

test.each(NAMES)('a shell takes %j for one word', name => {
  expect(execFileSync('sh', ['-c', `printf %s ${shellWord(name)}`], { encoding: 'utf8' })).toBe(name);
});

test('an ordinary name stays as it is', () => {
  expect(shellWord('order_items')).toBe('order_items');
});
