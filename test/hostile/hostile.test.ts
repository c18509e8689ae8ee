import { expect, test, vi } from 'vitest';
import { testPostgres } from '../support/postgres.ts';
import { hunt } from './hunt.ts';
import { KINDS } from './mutants.ts';
import { inMemory, inPostgres } from './target.ts';

/** Shrinking a history takes its time. */
vi.setConfig({ testTimeout: 300_000 });

/** Others each time; ATTACCA_SEED=N plays those of a run that failed once more. */
const seed = Number(process.env.ATTACCA_SEED ?? Math.floor(Math.random() * 2 ** 30));

test(`whatever statements run, the target equals the file, and the application notices nothing: seed ${seed} [G1] [G6]`, async () => {
  const { played, skipped, failure } = await hunt({ seed, runs: 200, target: inMemory });
  expect(failure, `ATTACCA_SEED=${seed}`).toBeUndefined();
  const left = Object.values(skipped).reduce((sum, n) => sum + n, 0);
  expect(left, JSON.stringify(skipped)).toBeLessThan(played / 5);
});

test(`the same in Postgres, through the real sink: seed ${seed} [G1] [G4]`, async () => {
  await using postgres = await testPostgres();
  const { failure } = await hunt({ seed, runs: 10, target: inPostgres(postgres.url) });
  expect(failure, `ATTACCA_SEED=${seed}`).toBeUndefined();
});

/** One that shows every one of them soon. */
const TELLING = 13;

test.each(KINDS)('without $without it fails [G1]', async mutant => {
  const { failure } = await hunt({ seed: TELLING, runs: 400, target: inMemory, mutant, shrink: false });
  expect(failure).toBeDefined();
});
