/* The configuration: who wins, what is refused, and that a refusal names the file or the key. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is written so is what is read
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UsageError } from '../../src/change/errors.ts';
import { CONFIG_FILE, Config, loadConfig, type Overrides } from '../../src/cli/config.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'attacca-config-'));
  file = join(folder, CONFIG_FILE);
});
afterEach(() => rmSync(folder, { recursive: true }));

const SECRET = 'hunter2';
const ENV = { PASSWORD: SECRET, URL: 'postgresql://db/app', EMPTY: '', DOLLAR: '$& $1 ${PASSWORD}' };

function load(content: unknown, overrides: Overrides = {}): Config {
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return loadConfig(overrides, file, ENV);
}

function refusal(work: () => unknown): UsageError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    const refused = error as UsageError;
    expect(refused.hint).not.toBe('');
    expect(refused.message).not.toContain(SECRET);
    return refused;
  }
  throw new Error('was not refused');
}

test('every default is visible', () => {
  expect(load({ source: 'app.db' })).toEqual({
    source: join(folder, 'app.db'),
    schema: 'public',
    waive: [],
    hooks: { 'before-cutover': [], 'after-fence': [], 'after-switch': [], 'after-rollback': [], 'on-halt': [] },
    snapshot: { parallelChunks: 2, chunkRows: 20_000, nice: 0 },
    quarantine: { policy: 'quarantine', afterRows: 0 },
    journal: { maxMarks: 50_000_000 },
    mirror: { warnSlotMegabytes: 1_024, maxSlotMegabytes: 10_240, whenSlotFull: 'warn' },
    verify: { everySeconds: 10, fullEveryMinutes: 360, nice: 0 },
    http: { enabled: true, host: '127.0.0.1' },
    backup: { enabled: true, keep: 3 },
    cutover: { maxPauseMs: 3_000, maxLagMs: 2_000, verifyMaxAgeMinutes: 60, maxClockSkewMs: 5_000, minFreeMegabytes: 256, roles: [] },
  });
  expect(load({ source: 'app.db', flag: { path: 'app.env' } }).flag).toEqual({
    kind: 'file',
    path: join(folder, 'app.env'),
    format: 'dotenv',
    key: 'DB_TYPE',
    sqlite: 'sqlite',
    postgres: 'postgresql',
  });
});

describe('who wins', () => {
  const FILE = { source: 'file.db', target: 'postgresql://file/app', plan: 'file.yaml', cutover: { maxPauseMs: 700 } };
  const GIVEN = { source: '/given.db', target: 'postgresql://given/app', plan: 'given.yaml', maxPauseMs: 900 };

  test.each([
    ['a value given', GIVEN, { source: '/given.db', target: GIVEN.target, plan: 'given.yaml', cutover: { maxPauseMs: 900 } }],
    ['one of them', { target: GIVEN.target }, { target: GIVEN.target, cutover: { maxPauseMs: 700 } }],
    ['undefined, which is not a value', { source: undefined, target: undefined, plan: undefined, maxPauseMs: undefined }, {}],
  ])('%s stands over the file', (_, overrides, expected) => {
    const base = { source: join(folder, 'file.db'), target: FILE.target, plan: join(folder, 'file.yaml'), cutover: FILE.cutover };
    expect(load(FILE, overrides)).toMatchObject({ ...base, ...expected });
  });

  test('a pause given leaves the other settings of the cutover alone', () => {
    const cutover = { maxPauseMs: 700, maxLagMs: 5, verifyMaxAgeMinutes: 7 };
    expect(load({ source: 'app.db', cutover }, { maxPauseMs: 900 }).cutover).toMatchObject({ ...cutover, maxPauseMs: 900 });
    expect(load({ source: 'app.db' }, { maxPauseMs: 900 }).cutover).toMatchObject({ maxPauseMs: 900, maxLagMs: 2_000 });
  });
});

describe('paths', () => {
  test('in the file are relative to it, given ones to the working directory', () => {
    mkdirSync(join(folder, 'etc'));
    file = join(folder, 'etc', 'other.json');
    const relative = { source: '../data/app.db', plan: 'plan.yaml', flag: { path: './app.env' } };
    expect(load(relative)).toMatchObject({
      source: join(folder, 'data/app.db'),
      plan: join(folder, 'etc/plan.yaml'),
      flag: { path: join(folder, 'etc/app.env') },
    });
    expect(load(relative, { source: 'app.db' }).source).toBe(resolve('app.db'));
  });

  test('that are absolute stay', () => {
    const absolute = { source: '/srv/app.db', plan: '/etc/plan.yaml', flag: { path: '/etc/app.env' } };
    expect(load(absolute)).toMatchObject(absolute);
  });
});

describe('the file', () => {
  test('of the working directory is read if it is there, and no other is named', () => {
    const before = process.cwd();
    const named = join(folder, 'named.json');
    writeFileSync(named, '{"plan":"named.yaml"}');
    process.chdir(folder);
    try {
      expect(loadConfig({ source: 'app.db' }, undefined, {}).source).toBe(resolve('app.db'));
      writeFileSync(CONFIG_FILE, '{"source":"own.db","schema":"own"}');
      expect(loadConfig({}, undefined, {})).toMatchObject({ source: resolve('own.db'), schema: 'own' });
      expect(loadConfig({ source: 'app.db' }, named, {})).toMatchObject({ source: resolve('app.db'), schema: 'public' });
    } finally {
      process.chdir(before);
    }
  });

  test.each([
    ['is missing', ignored => ignored, /cannot be read/],
    ['is a folder', path => mkdirSync(path), /cannot be read/],
    ['is empty', path => writeFileSync(path, ''), /not a JSON object/],
    ['is not JSON', path => writeFileSync(path, '{"source": "app.db",}'), /not a JSON object/],
    ['is a list', path => writeFileSync(path, '[]'), /not a JSON object/],
    ['is a text', path => writeFileSync(path, '"app.db"'), /not a JSON object/],
    ['is null', path => writeFileSync(path, 'null'), /not a JSON object/],
  ] satisfies [string, (path: string) => unknown, RegExp][])('is named where it %s', (_, make, says) => {
    make(file);
    const refused = refusal(() => loadConfig({ source: '/srv/app.db' }, file, ENV));
    expect(refused.message).toContain(file);
    expect(refused.message).toMatch(says);
  });
});

describe('${NAME} in the target', () => {
  test.each([
    ['postgresql://app:${PASSWORD}@db/app', `postgresql://app:${SECRET}@db/app`],
    ['${URL}', ENV.URL],
    ['postgresql://${PASSWORD}:${PASSWORD}@db/${EMPTY}', `postgresql://${SECRET}:${SECRET}@db/`],
    ['postgresql://db/${DOLLAR}', `postgresql://db/${ENV.DOLLAR}`],
    ['postgresql://db/$PASSWORD', 'postgresql://db/$PASSWORD'],
  ])('%s', (target, expected) => {
    expect(load({ source: 'app.db', target }).target).toBe(expected);
  });

  test('is refused where it is not set, naming file and variable', () => {
    const refused = refusal(() => load({ source: 'app.db', target: 'postgresql://app:${PASSWORD}@${NOWHERE}/app' }));
    expect(refused.message).toContain(file);
    expect(refused.message).toContain('NOWHERE');
  });

  test('stays as it is in a value given: the shell has had its turn', () => {
    expect(load({}, { source: 'app.db', target: 'postgresql://${NOWHERE}/app' }).target).toBe('postgresql://${NOWHERE}/app');
  });
});

describe('refused by name', () => {
  const cases: [string, unknown, Overrides, RegExp][] = [
    ['no source at all', {}, {}, /no SQLite file given/],
    ['an unknown key', { source: 'app.db', sorce: 'x' }, {}, /sorce/],
    ['an unknown key in place of the source', { sorce: 'app.db' }, {}, /sorce[\s\S]+source/],
    ['an unknown key further down', { source: 'app.db', cutover: { maxPause: 5 } }, {}, /maxPause[\s\S]+cutover/],
    ['a token that no header can carry', { source: 'app.db', http: { token: '€'.repeat(16) } }, {}, /header can carry[\s\S]+http\.token/],
    ['a token that is guessed', { source: 'app.db', http: { token: 'secret' } }, {}, /http\.token/],
    ['others without a token', { source: 'app.db', http: { host: '0.0.0.0' } }, {}, /needs a token/],
    ['an unknown key in the flag', { source: 'app.db', flag: { path: 'x', file: 'y' } }, {}, /file[\s\S]+flag/],
    ['an empty source', { source: '' }, {}, /source/],
    ['an empty source given', { source: 'app.db' }, { source: '' }, /source/],
    ['a source that is null', { source: null }, {}, /source/],
    ['a source that is a number', { source: 5 }, {}, /source/],
    ['an empty plan', { source: 'app.db', plan: '' }, {}, /plan/],
    ['an empty schema', { source: 'app.db', schema: '' }, {}, /schema/],
    ...['attacca', 'pg_catalog', 'information_schema'].map((schema): [string, object, Overrides, RegExp] => [
      `the schema ${schema}`,
      { source: 'app.db', schema },
      {},
      /must not be one of Postgres's own or of attacca's[\s\S]+at schema/,
    ]),
    ['an empty path of the flag', { source: 'app.db', flag: { path: '' } }, {}, /flag\.path/],
    ['a flag that is a text', { source: 'app.db', flag: 'app.env' }, {}, /flag/],
    ['a target of another kind', { source: 'app.db', target: 'mysql://app:${PASSWORD}@db/app' }, {}, /postgresql:\/\/[\s\S]+target/],
    ['a target that is a number', { source: 'app.db', target: 5 }, {}, /target/],
    ['an empty target given', { source: 'app.db' }, { target: '' }, /target/],
    ['a cutover that is a number', { source: 'app.db', cutover: 5 }, {}, /cutover/],
    ['a cutover that is a number, with a pause given', { source: 'app.db', cutover: 5 }, { maxPauseMs: 900 }, /cutover/],
    ['a cutover that is null, with a pause given', { source: 'app.db', cutover: null }, { maxPauseMs: 900 }, /cutover/],
    ['a cutover that is a list, with a pause given', { source: 'app.db', cutover: [] }, { maxPauseMs: 900 }, /cutover/],
    ['a pause too short', { source: 'app.db' }, { maxPauseMs: 99 }, /cutover\.maxPauseMs/],
    ['a pause of half a millisecond', { source: 'app.db', cutover: { maxPauseMs: 100.5 } }, {}, /cutover\.maxPauseMs/],
    ['a pause longer than a timer can wait', { source: 'app.db' }, { maxPauseMs: 3_000_000_000 }, /cutover\.maxPauseMs/],
    ['a comparison less often than a timer can tell', { source: 'app.db', verify: { everySeconds: 500_000 } }, {}, /verify\.everySeconds/],
    ['a number as text', { source: 'app.db', verify: { everySeconds: '10' } }, {}, /verify\.everySeconds/],
    ['too many chunks', { source: 'app.db', snapshot: { parallelChunks: 17 } }, {}, /snapshot\.parallelChunks/],
  ];
  test.each(cases)('%s', (_, content, overrides, says) => {
    expect(refusal(() => load(content, overrides)).message).toMatch(says);
  });

  test('all at once', () => {
    const { message } = refusal(() => load({ source: '', schema: 5, cutover: { maxLagMs: -1 }, sorce: 1 }));
    for (const name of ['source', 'schema', 'cutover.maxLagMs', 'sorce']) expect(message).toContain(name);
  });
});

test('a mark at the beginning, as some editors leave it, is no part of the configuration', () => {
  writeFileSync(join(folder, 'marked.json'), '\uFEFF{"source":"app.db"}');
  expect(loadConfig({}, join(folder, 'marked.json'), {}).source).toBe(join(folder, 'app.db'));
});

test('editors are told by a JSON Schema what can be set', async () => {
  const schema = z.toJSONSchema(Config, { io: 'input' });
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot('../../deploy/attacca.config.schema.json');
  expect(load({ $schema: './attacca.config.schema.json', source: 'app.db' }).source).toBe(join(folder, 'app.db'));
});
