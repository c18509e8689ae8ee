import { expect, test } from 'vitest';
import { hunt } from './hunt.ts';

const SEED = Number(process.env.ATTACCA_SEED ?? Math.floor(Math.random() * 2 ** 31));

test(`differences of every kind are found in one run, with table, key and column, and mended (ATTACCA_SEED=${SEED}) [G4] [G9]`, async () => {
  const { planted, problems } = await hunt(100, SEED);
  expect(planted.length).toBe(100);
  expect(new Set(planted.map(({ what }) => what)).size).toBeGreaterThan(25);
  expect(problems).toEqual([]);
}, 240_000);
