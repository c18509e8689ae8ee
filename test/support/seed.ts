/*
 * The seed of this run. vitest.config.ts draws it and says it, or takes ATTACCA_SEED: the run of a commit in CI can be repeated, the next
 * one at a desk looks elsewhere. Loaded before every test file, so that fast-check begins there too.
 */
import fc from 'fast-check';

export const SEED = Number(process.env.ATTACCA_SEED);
if (!Number.isSafeInteger(SEED)) throw new Error('ATTACCA_SEED must be a whole number');

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED });
