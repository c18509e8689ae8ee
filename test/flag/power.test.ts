/* What a power failure leaves of a flag in a file: a switch is over only when its flag is on the disk. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { replaceFile } from '../../src/flag/replace.ts';
import { canTrace, durable, imageOf, traced } from '../support/disk.ts';

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'attacca-flag-')), 'flag');
  mkdirSync(folder);
  writeFileSync(join(folder, 'app.env'), 'DB_TYPE=sqlite\n', { mode: 0o644 });
});
afterEach(() => rmSync(resolve(folder, '..'), { recursive: true }));

const SWITCHED = 'DB_TYPE=postgresql\nDB_TYPE_EPOCH=7\n';
const PROGRAM = `
  import { renameSync, writeFileSync } from 'node:fs';
  import { fileFlag } from '${resolve('src/flag/file.ts')}';
  const state = { primary: 'postgres', epoch: 7n };
  const config = { path: 'app.env', format: 'dotenv', key: 'DB_TYPE', sqlite: 'sqlite', postgres: 'postgresql' };
  const there = name => writeFileSync(name, ${JSON.stringify(SWITCHED)}, { mode: 0o644 });
  const flag = fileFlag(config);`;

test('a file that cannot take its name leaves nothing beside it', () => {
  mkdirSync(join(folder, 'taken'));
  expect(() => replaceFile(join(folder, 'taken'), SWITCHED)).toThrow();
  expect(readdirSync(folder).sort()).toEqual(['app.env', 'taken']);
});

test.skipIf(!canTrace()).each([
  ['written', ''],
  ['prepared before', 'flag.ahead(state);'],
  ['prepared by a process that died before that was on the disk', `there('.app.env.attacca');`],
  ['written by a process that died before that was on the disk', `there('app.env');`],
  [
    'put in place by a process that died before that was on the disk',
    `there('new'); renameSync(process.cwd() + '/new', process.cwd() + '/app.env');`,
  ],
])('a flag that was %s is on the disk when its write is over [G8]', (_, before) => {
  const base = imageOf(folder);
  const program = `process.umask(0o022); process.chdir('${folder}'); ${PROGRAM} ${before} await flag.write(state);`;
  const lines = traced(process.execPath, ['--input-type=module', '-e', program.replaceAll(`path: 'app.env'`, `path: '${folder}/app.env'`)]);
  const left = durable(base, folder, lines);
  expect(String(left.get('app.env'))).toBe(SWITCHED);
  expect([...left.keys()]).toEqual(['app.env']);
  // Whoever opened the new file before it had the old one's mode could read what is written then.
  expect(lines.filter(line => /O_CREAT\|O_EXCL.*, 0(?!600\b)\d+\)/.test(line))).toEqual([]);
});
