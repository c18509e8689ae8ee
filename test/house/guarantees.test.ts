import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const tagsIn = (text: string): string[] => [...text.matchAll(/\[(G\d+)\]/g)].map(match => match[1] ?? '');

test('every guarantee in the README has a test that names it, and every tag in a test is a guarantee', () => {
  const promised = new Set(tagsIn(readFileSync('README.md', 'utf8')));
  const tests = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.test.ts'));
  const titles = tests.flatMap(file => [
    ...readFileSync(`test/${file}`, 'utf8').matchAll(/\b(?:test|it)(?:\.\w+)*\([^'"`]*(['"`])(.*?)\1/g),
  ]);
  const tested = new Set(titles.flatMap(match => tagsIn(match[2] ?? '')));
  expect([...tested].sort()).toEqual([...promised].sort());
});
