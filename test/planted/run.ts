/* `npm run test:planted -- [COUNT] [SEED]`: plants 1,000 differences of every kind, which one run of `attacca verify` has to find and locate. */
import { numbers } from '../support/words.ts';
import { hunt } from './hunt.ts';

const { count, seed } = numbers({ count: 1_000, seed: Math.floor(Math.random() * 2 ** 31) });
const { planted, problems } = await hunt(count, seed);
const kinds = new Map<string, number>();
for (const { what } of planted) kinds.set(what, (kinds.get(what) ?? 0) + 1);
for (const [what, times] of kinds) process.stdout.write(`${String(times).padStart(5)}  ${what}\n`);
for (const problem of problems.slice(0, 20)) process.stdout.write(`${problem}\n`);
process.stdout.write(`${planted.length} planted, ${problems.length} problems, seed ${seed}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
