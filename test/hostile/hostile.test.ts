import { expect, test } from 'vitest';
import { testPostgres } from '../support/postgres.ts';
import { SEED } from '../support/seed.ts';
import { hunt } from './hunt.ts';
import { KINDS } from './mutants.ts';
import { inMemory, inPostgres } from './target.ts';

test('whatever statements run, the target equals the file, and the application notices nothing [G1] [G6]', async () => {
  const { played, skipped, failure } = await hunt({ seed: SEED, runs: 200, target: inMemory });
  expect(failure).toBeUndefined();
  const left = Object.values(skipped).reduce((sum, n) => sum + n, 0);
  expect(left, JSON.stringify(skipped)).toBeLessThan(played / 5);
});

test('the same in Postgres, through the real sink [G1] [G4]', async () => {
  await using postgres = await testPostgres();
  const { failure } = await hunt({ seed: SEED, runs: 10, target: inPostgres(postgres.url) });
  expect(failure).toBeUndefined();
});

/** One that shows every one of them soon. */
const TELLING = 6;

test.each(KINDS)('without $without it fails [G1]', async mutant => {
  const { failure } = await hunt({ seed: TELLING, runs: 400, target: inMemory, mutant, shrink: false });
  expect(failure).toBeDefined();
});
