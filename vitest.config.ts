import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

const report = process.env.VITEST_REPORT;
const { ATTACCA_SEED = String(Math.floor(Math.random() * 2 ** 31)) } = process.env;
if (process.env.VITEST !== undefined) process.stdout.write(`ATTACCA_SEED=${ATTACCA_SEED}\n`); // other tools read this file too

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/servers.ts'],
    setupFiles: ['test/support/seed.ts'],
    // Hundreds of commands are started: compiled once, they are a tenth faster.
    env: { ATTACCA_SEED, NODE_COMPILE_CACHE: resolve('node_modules/.cache/compiled') },
    // Tests start real servers and real processes: a third file at a time saves a minute on two cores, and makes each wait for the others.
    maxWorkers: 2,
    // What is waited for is a fact, and comes however busy the machine is; these only end what hangs.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 180_000 } },
    reporters: report === undefined ? ['default'] : ['default', 'json'],
    ...(report === undefined ? {} : { outputFile: { json: report } }),
  },
});
