import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { run } from './refusals.ts';

const inTemp = { cwd: tmpdir() };

test('words are completed from the command tree', async () => {
  expect((await run(['complete', '--', 'cut'], inTemp)).stdout).toMatch(/^cutover\t/);
  expect((await run(['complete', '--', 'verify', '--rep'], inTemp)).stdout).toMatch(/^--repair\t/);
  expect((await run(['--help'], inTemp)).stdout).toContain('source <(attacca complete bash)');
});

test('the script is one that the shell takes, and another shell is a wrong word', async () => {
  const { code, stdout } = await run(['complete', 'bash'], inTemp);
  expect(code).toBe(0);
  expect(stdout).toContain('attacca complete -- ');
  expect(spawnSync('bash', ['-n'], { input: stdout }).status).toBe(0);
  expect(await run(['complete', 'tcsh'], inTemp)).toMatchObject({ code: 2, stdout: '' });
});
