import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import Database from 'better-sqlite3';
import { afterAll, expect, test } from 'vitest';
import { BINARY } from '../support/world.ts';

const TERMINAL = `data:text/javascript,
  for (const stream of [process.stdin, process.stderr]) Object.defineProperty(stream, 'isTTY', { value: true });
  process.stdin.setRawMode = () => process.stdin;`;
const folder = mkdtempSync(join(tmpdir(), 'attacca-confirm-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ['the end of the input', ''],
  ['n', 'n'],
  ['Ctrl-C', '\x03'],
  ['Ctrl-D', '\x04'],
])('%s at the question is no, and says so', async (_, key) => {
  const source = join(folder, 'app.db');
  new Database(source).exec('create table if not exists note (id integer primary key)').close();
  const command = spawn(process.execPath, ['--import', TERMINAL, BINARY, 'uninstall', '--source', source]);
  command.stderr.on('data', (shown: Buffer) => shown.includes('└') && command.stdin.end(key));
  const [said, code] = await Promise.all([text(command.stderr), new Promise(resolve => command.once('close', resolve))]);
  expect(said).toContain('not confirmed: nothing was done');
  expect(code).toBe(2);
});
