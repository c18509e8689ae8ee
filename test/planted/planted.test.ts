import { expect, test } from 'vitest';
import { SEED } from '../support/seed.ts';
import { hunt } from './hunt.ts';

test('differences of every kind are found in one run, with table, key and column, and mended [G4] [G9]', async () => {
  const { planted, problems } = await hunt(100, SEED);
  expect(planted.length).toBe(100);
  expect(new Set(planted.map(({ what }) => what)).size).toBeGreaterThan(25);
  expect(problems).toEqual([]);
});
