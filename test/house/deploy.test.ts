import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PHASES } from '../../src/cutover/phase.ts';

const runbook = readFileSync('deploy/runbook.md', 'utf8');

test.each(PHASES)('the runbook has a section that names %s', phase => {
  const headings = runbook.split('\n').filter(line => line.startsWith('#'));
  expect(headings.some(heading => new RegExp(`\\b${phase}\\b`).test(heading))).toBe(true);
});

test('every section that a message refers to is there', () => {
  for (const section of ['switching', 'lost slot', 'restored file']) expect(runbook).toMatch(new RegExp(`^#+ ${section}$`, 'm'));
});
