/* How commands speak: names in a file that somebody else has made are only text to a terminal, and documents that follow each other are lines. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { Refused, UsageError } from '../../src/change/errors.ts';
import { quote } from '../../src/change/quote.ts';
import { progressBar } from '../../src/cli/bar.ts';
import { fail, type Output, present, progress } from '../../src/cli/report.ts';
import { listen } from '../../src/server/control.ts';
import { AssessDocument, StatusDocument } from '../../src/server/documents.ts';
import { fake, STATUS } from '../server/fake.ts';
import { BINARY } from '../support/world.ts';
import { makePlace, run } from './refusals.ts';

/** Clears the screen, rings, begins a line of its own, turns the order of letters, goes back. */
const HOSTILE = 'a\x1b[2J\x07\nattacca: equal\r\u202eb\u2066\x9b31m\x7f\u2028';
const MOVES = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

function speaking(isTTY = false) {
  const stdout = new PassThrough();
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 200 });
  const output: Output = { json: false, quiet: false, stdout, stderr };
  return { output, said: () => `${stdout.read() ?? ''}${stderr.read() ?? ''}` };
}

test.each<[string, number, (output: Output) => unknown]>([
  ['data', 1, output => present(output, {}, () => [HOSTILE])],
  ['progress', 1, output => progress(output, HOSTILE)],
  ['a refusal', 4, output => fail(output, new Refused(HOSTILE, [{ code: 'x', reason: HOSTILE, remedy: HOSTILE }]), false)],
  ['bad usage', 3, output => fail(output, new UsageError(HOSTILE, HOSTILE), false)],
])('a name in %s moves no cursor and begins no line', (_, lines, say) => {
  const { output, said } = speaking();
  say(output);
  const text = said();
  expect(text.split('\n').slice(0, -1)).toEqual(Array(lines).fill(expect.not.stringMatching(MOVES)));
  expect(text).toContain('a\\u001b[2J\\u0007');
  expect(text).not.toMatch(/^attacca: equal/m);
});

test('a name in a bar moves no cursor either', () => {
  const { output, said } = speaking(true);
  const bar = progressBar(output);
  bar.say(HOSTILE, 0.5);
  bar.end();
  expect(said()).toContain('a\\u001b[2J\\u0007\\u000aattacca: equal');
});

test('what a stranger named is shown, planned and refused as text [G4]', async () => {
  using place = makePlace();
  const source = join(place.folder, `${HOSTILE.replaceAll('\x9b', '')}.db`);
  const db = new Database(source);
  db.exec(`create table ${quote(HOSTILE)} (id integer primary key, ${quote(HOSTILE)} any); insert into ${quote(HOSTILE)} values (1, 'x')`);
  db.exec(`create trigger ${quote(`t${HOSTILE}`)} after insert on ${quote(HOSTILE)} begin select 1; end`);
  db.close();
  for (const [code, ...words] of [
    [0, 'assess'],
    [3, 'status'],
    [2, 'verify', '--table', HOSTILE, '--nice', HOSTILE],
  ] as const) {
    const ran = await run([...words, '--source', source], { cwd: place.folder });
    expect(ran, ran.stderr).toMatchObject({ code });
    expect(`${ran.stdout}${ran.stderr}`.replaceAll('\n', '')).not.toMatch(MOVES);
    expect(`${ran.stdout}${ran.stderr}`).not.toMatch(/^attacca: equal/m);
  }
  const printed = await run(['plan', '--source', source, '--out', 'plan.yaml'], { cwd: place.folder });
  expect(printed).toMatchObject({ code: 0 });
  const again = await run(['plan', '--source', source, '--plan', 'plan.yaml', '--sql'], { cwd: place.folder });
  expect(again.stdout).toContain(`create table "public".${quote(HOSTILE)}`); // SQL is data, for psql
});

test('an assessment goes by the plan file, as the copy will', async () => {
  using place = makePlace();
  writeFileSync(join(place.folder, 'plan.yaml'), 'version: 1\nexclude: [item]\n');
  const db = new Database(place.source);
  db.exec('create table a (x)');
  db.close();
  const assessed = async (words: readonly string[], env = {}): Promise<string[]> => {
    const { stdout } = await run(['assess', '--source', place.source, '--json', ...words], { cwd: place.folder, env });
    return AssessDocument.parse(JSON.parse(stdout)).tables.map(({ table }) => table);
  };
  expect(await assessed(['--plan', 'plan.yaml'])).toEqual(['a']);
  expect(await assessed([], { ATTACCA_PLAN: 'plan.yaml' })).toEqual(['a']);
  expect(await assessed([])).toEqual(['a', 'item']);
});

test('the plan and its SQL go by the plan file that is configured too, if it is there', async () => {
  using place = makePlace();
  const tables = async (env = {}): Promise<string[]> => {
    const ran = await run(['plan', '--source', place.source, '--sql'], { cwd: place.folder, env });
    expect(ran, ran.stderr).toMatchObject({ code: 0 });
    return [...ran.stdout.matchAll(/create table "public"."(\w+)"/g)].map(([, name = '']) => name);
  };
  expect(await tables()).toEqual(['item']);
  const configured = { ATTACCA_PLAN: 'plan.yaml' };
  expect(await tables(configured)).toEqual(['item']); // it is what `attacca plan --out` is going to write
  writeFileSync(join(place.folder, 'plan.yaml'), 'version: 1\ntables: { item: { target: things } }\n');
  expect(await tables(configured)).toEqual(['things']);
});

test('status --watch --json prints one document on each line', async () => {
  using place = makePlace();
  await using _daemon = await listen(fake({ status: async () => STATUS }), place.source);
  const child = spawn(process.execPath, [BINARY, 'status', '--watch', '--json', '--source', place.source], { cwd: place.folder });
  let said = '';
  while (said.split('\n').length <= 2) said += (await once(child.stdout, 'data'))[0];
  child.kill();
  await once(child, 'exit');
  const lines = said.split('\n').slice(0, 2);
  expect(lines.map(line => StatusDocument.parse(JSON.parse(line)))).toEqual([STATUS, STATUS]);
});
