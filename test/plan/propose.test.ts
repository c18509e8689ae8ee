import { expect, test } from 'vitest';
import { propose } from '../../src/plan/evolve/propose.ts';

test.each([
  ['integer', 'integer', ['r:1.5'], 'number'],
  ['jsonb', 'text', ['t:{'], 'text'],
  ['jsonb', 'numeric', ['t:{'], 'tagged'], // it may hold numbers
  ['text', 'text', ['t:x'], undefined],
] as const)('%s of %s affinity, which %j do not fit, would take them as %s', (codec, affinity, tags, wider) => {
  expect(propose({ codec, affinity }, tags)).toBe(wider);
});
