/* Every code that a person can meet is explained where a person looks for it. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CODES } from '../../src/plan/codes.ts';

/** `{ code: 'lag', … }`, also one of two; and what the helpers that make a blocker or a finding are given. */
const WRITTEN = [/\bcode: ([^,;}\n]*)/g, /\b(?:block|blocking|refused)\(([^`;]*?'[a-z-]{3,}'),/g];
const CODE = /'([a-z][a-z-]{2,})'/g;

const given = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.ts') && !file.startsWith('demo'))
  .map(file => readFileSync(`src/${file}`, 'utf8'))
  .flatMap(text => WRITTEN.flatMap(form => [...text.matchAll(form)]))
  .flatMap(([, part = '']) => [...part.matchAll(CODE)].map(([, code]) => code));
const rows = [...readFileSync('deploy/codes.md', 'utf8').matchAll(/^\| `([a-z-]+)` \| (.+) \| (.+) \|$/gm)];

test('each code that src gives has its row in deploy/codes.md, and each row a code that is given', () => {
  const explained = rows.map(([, code]) => code);
  expect([...explained].sort()).toEqual([...new Set([...given, ...Object.keys(CODES)])].sort());
});

test('what is documented of the gate is explained too', () => {
  const gate = /^\| of both [\s\S]+?\n\n/m.exec(readFileSync('README.md', 'utf8'))?.[0] ?? '';
  const named = [...gate.matchAll(/`([a-z-]+)`/g)].map(([, code]) => code);
  const explained = new Set(rows.map(([, code]) => code));
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter(code => !explained.has(code))).toEqual([]);
});
