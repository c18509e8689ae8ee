import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FlagConfig } from '../../src/flag/config.ts';
import { fileFlag } from '../../src/flag/file.ts';
import type { FlagState } from '../../src/flag/flag.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'attacca-flag-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const POSTGRES: FlagState = { primary: 'postgres', epoch: 7n };
const at = (name = 'flag') => join(folder, name);
const open = (options: Partial<FlagConfig> = {}) => fileFlag(FlagConfig.parse({ path: at(), ...options }));

/** Writes `before`, switches the flag to Postgres at epoch 7, gives the text that is there then. */
async function switched(before: string, options: Partial<FlagConfig> = {}): Promise<string> {
  writeFileSync(at(), before);
  await open(options).write(POSTGRES);
  expect(await open(options).read()).toEqual(POSTGRES);
  return readFileSync(at(), 'utf8');
}

describe('dotenv', () => {
  test.each([
    ['DB_TYPE=sqlite\n', 'DB_TYPE=postgresql\nDB_TYPE_EPOCH=7\n'],
    ['A=1\nDB_TYPE=sqlite # which\nB=2', 'A=1\nDB_TYPE=postgresql # which\nDB_TYPE_EPOCH=7\nB=2\n'],
    ['export DB_TYPE="sqlite"\nexport B=2\n', 'export DB_TYPE="postgresql"\nexport DB_TYPE_EPOCH=7\nexport B=2\n'],
    ["# head\r\nDB_TYPE = 'sqlite'\r\nDB_TYPE_EPOCH=6\r\n", "# head\r\nDB_TYPE = 'postgresql'\r\nDB_TYPE_EPOCH=7\r\n"],
    ['DB_TYPE=\nB=2\n', 'DB_TYPE=postgresql\nDB_TYPE_EPOCH=7\nB=2\n'],
    ['B=2\n', 'B=2\nDB_TYPE=postgresql\nDB_TYPE_EPOCH=7\n'],
    ['B=2', 'B=2\nDB_TYPE=postgresql\nDB_TYPE_EPOCH=7\n'],
    ['', 'DB_TYPE=postgresql\nDB_TYPE_EPOCH=7\n'],
    ['DB_TYPE=sqlite\nDB_TYPE=sqlite\n', 'DB_TYPE=postgresql\nDB_TYPE=postgresql\nDB_TYPE_EPOCH=7\n'],
    ['#DB_TYPE=sqlite\nMY_DB_TYPE=x\n', '#DB_TYPE=sqlite\nMY_DB_TYPE=x\nDB_TYPE=postgresql\nDB_TYPE_EPOCH=7\n'],
    ['KEY="-----\nDB_TYPE=sqlite\n-----"\nDB_TYPE=sqlite\n', 'KEY="-----\nDB_TYPE=sqlite\n-----"\nDB_TYPE=postgresql\nDB_TYPE_EPOCH=7\n'],
  ])('%j keeps everything but the flag', async (before, after) => {
    expect(await switched(before)).toBe(after);
  });

  test('a value that is neither side is not guessed at', async () => {
    writeFileSync(at(), 'DB_TYPE=mysql\n');
    await expect(open().read()).rejects.toMatchObject({ disposition: 'halt' });
    expect(await open().check('sqlite')).toMatch('neither');
  });
});

describe('json', () => {
  test.each([
    [
      '{\n  "id": 9007199254740993,\n  "db": "sqlite"\n}\n',
      'db',
      '{\n  "id": 9007199254740993,\n  "db": "postgresql",\n  "dbEpoch": 7\n}\n',
    ],
    ['{"db":{"type":"sqlite","x":[1,{"y":"}"}]}}', 'db.type', '{"db":{"type":"postgresql","x":[1,{"y":"}"}], "typeEpoch": 7}}'],
    ['{\n\t"a": 1.0\n}', 'db.type', '{\n\t"a": 1.0,\n\t"db": { "type": "postgresql", "typeEpoch": 7 }\n}'],
    ['{}', 'db', '{ "db": "postgresql", "dbEpoch": 7 }'],
  ])('%j keeps everything but %s', async (before, key, after) => {
    expect(await switched(before, { format: 'json', key })).toBe(after);
    JSON.parse(after);
  });

  test.each(['', '{', '[1]', '{"db": {"type": 1}}', '{"db": 1}'])('%j halts without touching the file', async before => {
    writeFileSync(at(), before);
    await expect(open({ format: 'json', key: before.includes('type') ? 'db' : 'db.type' }).write(POSTGRES)).rejects.toMatchObject({
      disposition: 'halt',
    });
    expect(readFileSync(at(), 'utf8')).toBe(before);
  });
});

describe('flagd', () => {
  const flag = (more: object) => ({
    flags: {
      db: { state: 'ENABLED', variants: { sqlite: 'sqlite', postgresql: 'postgresql' }, defaultVariant: 'sqlite', ...more },
      other: { state: 'ENABLED' },
    },
  });
  const options = { format: 'flagd', key: 'db' } as const;

  test('switches the default variant and nothing else', async () => {
    const before = flag({ metadata: { team: 'shop' } });
    const after = flag({ metadata: { team: 'shop', epoch: 7 }, defaultVariant: 'postgresql' });
    expect(JSON.parse(await switched(JSON.stringify(before, undefined, 4), options))).toEqual(after);
  });

  test('a flag that is not there yet is made with both variants', async () => {
    const after = JSON.parse(await switched('{"flags": {"other": {"state": "DISABLED"}}}', options));
    expect(after.flags.db).toEqual({ ...flag({ defaultVariant: 'postgresql', metadata: { epoch: 7 } }).flags.db });
    expect(after.flags.other).toEqual({ state: 'DISABLED' });
  });

  test.each([
    [{ state: 'DISABLED' }, 'ENABLED'],
    [{ targeting: { if: [] } }, 'targeting'],
    [{ variants: { sqlite: 'sqlite' } }, "'postgresql'"],
  ])('%j would not be obeyed and is refused', async (more, reason) => {
    writeFileSync(at(), JSON.stringify(flag(more)));
    expect(await open(options).check('sqlite')).toMatch(reason);
    await expect(open(options).write(POSTGRES)).rejects.toMatchObject({ disposition: 'halt' });
  });
});

describe.each(['dotenv', 'json', 'flagd'] as const)('any file (%s)', format => {
  test('is created when missing, in a form that reads back', async () => {
    const flag = open({ format });
    expect(await flag.read()).toBeUndefined();
    expect(await flag.check('sqlite')).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
    await flag.write(POSTGRES);
    await flag.write(POSTGRES);
    expect(await flag.read()).toEqual(POSTGRES);
    expect(readdirSync(folder)).toEqual(['flag']);
  });

  test('never goes back to an older epoch [G8]', async () => {
    const flag = open({ format });
    await flag.write(POSTGRES);
    await expect(flag.write({ primary: 'sqlite', epoch: 6n })).rejects.toMatchObject({ name: 'ReplicationError', disposition: 'halt' });
    expect(await flag.read()).toEqual(POSTGRES);
    await flag.write({ primary: 'sqlite', epoch: 8n });
    expect(await flag.read()).toEqual({ primary: 'sqlite', epoch: 8n });
  });
});

test('a switch is over only when the file says it: a value that reads back as that of the other side is none [G8]', async () => {
  const flag = fileFlag({ ...FlagConfig.parse({ path: at() }), postgres: 'sqlite#new' });
  await expect(flag.write(POSTGRES)).rejects.toMatchObject({ disposition: 'halt', message: expect.stringContaining('reads back') });
});

test('an epoch that is no number is not taken for none [G7]', async () => {
  writeFileSync(at(), 'DB_TYPE=postgresql\nDB_TYPE_EPOCH=7x\n');
  await expect(open().read()).rejects.toMatchObject({ disposition: 'halt', message: expect.stringContaining('not a whole number') });
});

test('of two assignments the last one counts, as for the application', async () => {
  writeFileSync(at(), 'DB_TYPE=sqlite\nDB_TYPE=postgresql\n');
  expect(await open().read()).toEqual({ primary: 'postgres', epoch: 0n });
  const json = await switched('{ "DB_TYPE": "postgresql", "DB_TYPE": "sqlite" }', { format: 'json' });
  expect(JSON.parse(json)).toEqual({ DB_TYPE: 'postgresql', DB_TYPEEpoch: 7 });
});

test('a symbolic link stays one; mode, owner and the file behind it are kept', async () => {
  mkdirSync(at('real'));
  writeFileSync(at('real/app.env'), 'DB_TYPE=sqlite\n', { mode: 0o640 });
  if (process.getuid?.() === 0) chownSync(at('real/app.env'), 4_242, 2_424); // nobody else can give it away
  symlinkSync('real/app.env', at());
  const { mode, uid, gid } = statSync(at());
  await open().write(POSTGRES);
  expect(readlinkSync(at())).toBe('real/app.env');
  expect(mode & 0o777).toBe(0o640);
  expect(statSync(at('real/app.env'))).toMatchObject({ mode, uid, gid });
  expect(readFileSync(at('real/app.env'), 'utf8')).toContain('DB_TYPE=postgresql');
});

test('what a dead writer left behind does not stand in the way', async () => {
  writeFileSync(at('.flag.attacca'), 'half');
  await open().write(POSTGRES);
  expect(readdirSync(folder)).toEqual(['flag']);
});

test('a link that was planted where the new file is to come is neither followed nor taken for it', async () => {
  writeFileSync(at('other'), 'DB_TYPE=postgresql\nDB_TYPE_EPOCH=7\n');
  symlinkSync('other', at('.flag.attacca'));
  await open().write(POSTGRES);
  expect(lstatSync(at()).isFile()).toBe(true);
  await open().write({ primary: 'sqlite', epoch: 8n });
  expect(readFileSync(at('other'), 'utf8')).toBe('DB_TYPE=postgresql\nDB_TYPE_EPOCH=7\n');
});

describe('a write that is near', () => {
  const STAGED = '.flag.attacca';

  test('is on the disk already and takes only a rename; nothing is seen of it before, nothing is left after it', async () => {
    writeFileSync(at(), 'A=1\nDB_TYPE=sqlite\n');
    const flag = open();
    flag.ahead?.(POSTGRES);
    const { ino } = statSync(at(STAGED));
    expect(await flag.read()).toEqual({ primary: 'sqlite', epoch: 0n });
    await flag.write(POSTGRES);
    expect(statSync(at()).ino).toBe(ino);
    expect(readFileSync(at(), 'utf8')).toBe('A=1\nDB_TYPE=postgresql\nDB_TYPE_EPOCH=7\n');
    flag.tidy?.();
    expect(readdirSync(folder)).toEqual(['flag']);
  });

  test.each([
    ['the text', () => writeFileSync(at(), 'A=2\nDB_TYPE=sqlite\n')],
    ['the mode', () => chmodSync(at(), 0o640)],
    ['the file that was to come', () => writeFileSync(at(STAGED), 'half')],
    ['the folder', () => rmSync(at(STAGED))],
  ])('keeps what was changed in %s meanwhile', async (_, change) => {
    writeFileSync(at(), 'A=1\nDB_TYPE=sqlite\n', { mode: 0o600 });
    open().ahead?.(POSTGRES);
    change();
    const [before, { mode }] = [readFileSync(at(), 'utf8'), statSync(at())];
    await open().write(POSTGRES);
    expect(readFileSync(at(), 'utf8')).toBe(before.replace('sqlite', 'postgresql\nDB_TYPE_EPOCH=7'));
    expect(statSync(at()).mode).toBe(mode);
    expect(readdirSync(folder)).toEqual(['flag']);
  });

  test('leaves nothing where it does not come, and fails for nobody', async () => {
    writeFileSync(at(), 'DB_TYPE=sqlite\n');
    open().ahead?.(POSTGRES);
    open().tidy?.();
    expect(readdirSync(folder)).toEqual(['flag']);
    expect(readFileSync(at(), 'utf8')).toBe('DB_TYPE=sqlite\n');
    const lost = open({ path: at('nowhere/flag') });
    lost.ahead?.(POSTGRES);
    lost.tidy?.();
    await open().write(POSTGRES);
    open().ahead?.({ primary: 'sqlite', epoch: 6n });
    expect(readdirSync(folder)).toEqual(['flag']);
    expect(await open().read()).toEqual(POSTGRES);
  });
});

test('a file that is not UTF-8 is refused, not rewritten', async () => {
  const bytes = Buffer.from('# caf\xe9\nDB_TYPE=sqlite\n', 'latin1');
  writeFileSync(at(), bytes);
  await expect(open().write(POSTGRES)).rejects.toMatchObject({ disposition: 'halt' });
  expect(readFileSync(at())).toEqual(bytes);
});

test('what is no regular file is not replaced by one: the gate says so [G9]', async () => {
  expect(await open({ path: '/dev/null' }).check('sqlite')).toMatch(/is not a regular file|EACCES/);
});

test('a missing folder is a reason for the gate and an error to try again on', async () => {
  const flag = open({ path: at('nowhere/flag') });
  expect(await flag.check('sqlite')).toMatch(/^flag file \S+nowhere\/flag: ENOENT/);
  await expect(flag.write(POSTGRES)).rejects.toMatchObject({ disposition: 'retry' });
  flag.watch?.(() => undefined, AbortSignal.abort()); // nor does an application that starts without it fail
});

test('a flag that cannot be read is not taken for one that was never set [G8]', async () => {
  const flag = open({ path: folder });
  await expect(flag.read()).rejects.toMatchObject({ disposition: 'retry', message: expect.stringContaining('EISDIR') });
  expect(await flag.check('sqlite')).toContain('EISDIR');
});

test.each([{ sqlite: 'same', postgres: 'same' }, { postgres: 'a"b' }, { key: 'no good' }, { kind: 'http' }, { colour: 'red' }])(
  'the configuration %j is refused',
  options => {
    expect(FlagConfig.safeParse({ path: 'x', ...options }).success).toBe(false);
  },
);
