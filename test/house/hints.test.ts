/* What follows an arrow is the rest of a sentence: it begins in lower case, and has no full stop at its end. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CODES } from '../../src/plan/codes.ts';

const HINT = /\b(?:hint|remedy):\s+(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g;
const AS_A_SENTENCE = /^(?!Postgre|SQLite)[A-Z][a-z]|\.$/;

test('every hint and remedy reads on from its arrow', () => {
  const hints = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts'))
    .flatMap(file => [...readFileSync(`src/${file}`, 'utf8').matchAll(HINT)])
    .map(([, ...forms]) => forms.join(''));
  const remedies = Object.values(CODES).map(([, remedy]) => remedy);
  expect(hints.length).toBeGreaterThan(100);
  expect([...hints, ...remedies].filter(hint => AS_A_SENTENCE.test(hint))).toEqual([]);
});
