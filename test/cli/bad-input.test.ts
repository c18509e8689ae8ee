/* Bad input, against the real binary: one clear sentence, the right exit code, one document with --json, and nothing touched. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { initialize, locate, runAs } from '../../src/postgres/embedded/data-dir.ts';
import { startEmbedded } from '../../src/postgres/embedded/embedded.ts';
import { NOBODY, nativeBinaries } from '../../src/postgres/embedded/native.ts';
import { listen } from '../../src/server/control.ts';
import { AssessDocument, SwitchDocument } from '../../src/server/documents.ts';
import { fake } from '../server/fake.ts';
import { connect, endWithProcess, type TestPostgres, testPostgres } from '../support/postgres.ts';
import { BINARY } from '../support/world.ts';
import {
  build,
  catalog,
  contents,
  expectDiscreet,
  expectRefusal,
  lockedBy,
  makePlace,
  PASSWORD,
  type Place,
  run,
  withPassword,
} from './refusals.ts';

const CORRUPT = resolve(process.env.ATTACCA_CORPUS ?? '../shared/corpus', 'db/mbtiles_corrupt.mbtiles');
const COMMANDS = [
  'assess',
  'rehearse',
  'plan',
  'sync',
  'status',
  'dashboard',
  'verify',
  'cutover',
  'rollback',
  'approve',
  'audit',
  'quarantine',
  'resync',
  'throttle',
  'finish',
  'uninstall',
  'demo',
];

type Expected = { readonly words: readonly string[]; readonly code: number; readonly says: RegExp };

/** Runs it, looks at what it says, and that the folder is as it was. */
async function refused(place: Place, { words, code, says }: Expected, how: { uid?: number; env?: NodeJS.ProcessEnv } = {}): Promise<void> {
  const before = contents(place.folder);
  const ran = await run([...words.slice(0, 1), '--json', ...words.slice(1)], { cwd: place.folder, ...how });
  expectRefusal(ran, code, says);
  expect(contents(place.folder)).toEqual(before);
}

describe.concurrent('a source that cannot be', () => {
  const spoil = (change: (bytes: Buffer) => Uint8Array) => (path: string) => {
    build(path, 5_000);
    writeFileSync(path, change(readFileSync(path)));
  };
  const remade = (make: (path: string) => void) => (path: string) => {
    rmSync(path);
    make(path);
  };
  const sources: [string, number, RegExp, (path: string) => void][] = [
    ['a missing file', 2, /there is no file at \S+app\.db/, path => rmSync(path)],
    ['a folder', 2, /app\.db is a folder/, remade(path => mkdirSync(path))],
    ['a device', 2, /app\.db is no ordinary file/, remade(path => symlinkSync('/dev/null', path))],
    ['an empty file', 3, /app\.db is empty\n +no-tables: /, path => writeFileSync(path, '')],
    ['a link that leads to itself', 2, /app\.db cannot be reached: ELOOP/, remade(path => symlinkSync(path, path))],
    ['a text', 2, /app\.db is not a SQLite database, or is encrypted/, path => writeFileSync(path, 'id,name\n1,x\n'.repeat(900))],
    ['an encrypted file', 2, /or is encrypted[\s\S]+decrypted/, path => writeFileSync(path, randomBytes(16_384))],
    ['a file cut in the middle', 3, /app\.db is damaged or cut off/, remade(spoil(bytes => bytes.subarray(0, bytes.length >> 1)))],
    ['a file cut in its header', 3, /app\.db is damaged or cut off/, remade(spoil(bytes => bytes.subarray(0, 100)))],
    [
      'a file in WAL mode cut in its header',
      3,
      /app\.db is damaged or cut off/,
      remade(spoil(bytes => bytes.subarray(0, 100).fill(2, 18, 20))),
    ],
    ['a file without its last bytes', 3, /app\.db is damaged or cut off/, remade(spoil(bytes => bytes.subarray(0, -3_000)))],
    ['pages overwritten', 3, /damaged[\s\S]+corrupt: /, remade(spoil(bytes => bytes.fill(0xff, 4_096 * 10, 4_096 * 14)))],
    ['an index page overwritten', 3, /damaged[\s\S]+corrupt: /, remade(spoil(bytes => bytes.fill(0, bytes.length - 8_192)))],
  ];
  const commands: [string, string[]][] = [
    ['assess', ['assess']],
    ['sync', ['sync', '--once']],
  ];
  const cases = sources.flatMap(([name, code, says, spoiled]) =>
    commands.map(([command, words]) => [command, name, code, says, spoiled, words] as const),
  );

  test.each(cases)('%s refuses %s with %i', async (_command, _name, code, says, spoiled, words) => {
    using place = makePlace();
    spoiled(place.source);
    await refused(place, { words: [...words, '--source', place.source], code, says });
  });

  test.skipIf(!existsSync(CORRUPT)).each(commands)('%s refuses the damaged tile store of the corpus', async (_, words) => {
    using place = makePlace();
    rmSync(place.source);
    copyFileSync(CORRUPT, place.source);
    await refused(place, { words: [...words, '--source', place.source], code: 3, says: /app\.db is damaged or cut off/ });
  });

  // Where nobody is asked too: not whether it is meant.
  test.each(
    'plan status verify audit resync finish approve cutover|--yes cutover|--cancel rollback uninstall quarantine|drop|1'
      .split(' ')
      .map(words => [words.split('|')]),
  )('%s names a missing file', async words => {
    using place = makePlace();
    await refused(place, { words: [...words, '--source', 'nowhere.db'], code: 2, says: /there is no file at \S+nowhere\.db/ });
  });

  test('a database without tables is refused by sync, and reported by assess', async () => {
    using place = makePlace();
    rmSync(place.source);
    new Database(place.source).exec('create table gone (x); drop table gone').close();
    await refused(place, { words: ['sync', '--once', '--source', place.source], code: 3, says: /no-tables: There is no table/ });

    const before = contents(place.folder);
    const ran = await run(['assess', '--source', place.source, '--json'], { cwd: place.folder });
    expect(ran.code).toBe(3);
    expectDiscreet(ran);
    expect(AssessDocument.parse(JSON.parse(ran.stdout)).findings).toMatchObject([{ code: 'no-tables', level: 'blocking' }]);
    expect(contents(place.folder)).toEqual(before);
  });

  test.each([
    ['a transaction', 'begin exclusive', ['assess']],
    ['a transaction', 'begin exclusive', ['sync', '--once']],
    ['its locking mode', 'pragma journal_mode = wal; pragma locking_mode = exclusive; delete from item where id = 1', ['sync', '--once']],
    ['its locking mode', 'pragma journal_mode = wal; pragma locking_mode = exclusive; delete from item where id = 1', ['status']],
  ])('a file that a process holds through %s (%s): %s', async (_, statements, words) => {
    using place = makePlace();
    await using _holder = await lockedBy(place.source, statements);
    await refused(place, { words: [...words, '--source', place.source], code: 3, says: /app\.db is locked by another process/ });
  });

  test('rows that a constraint would refuse are no damage', async () => {
    using place = makePlace();
    const db = new Database(place.source).unsafeMode();
    db.function('known_to_the_app', (_: unknown) => 1);
    db.exec(`create table odd (a integer, b check (known_to_the_app(b))); insert into odd values (null, 1); pragma writable_schema = on;
      update sqlite_schema set sql = replace(sql, 'a integer', 'a integer not null') where name = 'odd'`);
    db.close();
    const { code, stderr } = await run(['assess', '--source', place.source, '--json'], { cwd: place.folder });
    expect(stderr).not.toContain('damaged');
    expect(stderr).toContain('checking that the file is whole\n');
    expect([0, 3]).toContain(code);
  });
});

/** The kernel lets root do everything, so root becomes somebody; where that one cannot reach this checkout, the tests are skipped. */
const root = process.getuid?.() === 0;
const asSomebody = root ? { uid: NOBODY } : {};
const reachable =
  spawnSync(process.execPath, ['-e', 'require("node:fs").accessSync(process.argv[1])', BINARY], {
    ...(root ? { uid: NOBODY, gid: NOBODY } : {}),
    cwd: '/',
  }).status === 0;

(reachable ? describe.concurrent : describe.skip)('a source that this user may not touch', () => {
  const cases: [string, string[], RegExp, (place: Place) => void][] = [
    ['cannot be read', ['assess'], /app\.db cannot be read/, ({ source }) => chmodSync(source, 0o000)],
    ['is read-only', ['sync', '--once'], /app\.db cannot be written[\s\S]+write access/, ({ source }) => chmodSync(source, 0o444)],
    [
      'is in a read-only folder',
      ['sync', '--once'],
      /the folder of \S+app\.db cannot be written/,
      ({ folder, source }) => {
        chmodSync(source, 0o666);
        chmodSync(folder, 0o555);
      },
    ],
    [
      'is in a read-only folder with a WAL to recover',
      ['assess'],
      /app\.db cannot be (read without writing beside it|opened)/,
      ({ folder, source }) => {
        const db = new Database(source);
        db.pragma('journal_mode = wal');
        db.exec('delete from item where id = 1');
        for (const suffix of ['', '-wal']) copyFileSync(`${source}${suffix}`, join(folder, `copy.db${suffix}`));
        db.close();
        for (const suffix of ['', '-wal']) copyFileSync(join(folder, `copy.db${suffix}`), `${source}${suffix}`);
        chmodSync(source, 0o444);
        chmodSync(folder, 0o555);
      },
    ],
  ];

  test.each(cases)('it %s: %s', async (_, words, says, restrict) => {
    using place = makePlace();
    restrict(place);
    const owned = root ? contents(place.folder) : [];
    expectRefusal(await run([...words, '--source', place.source, '--json'], { cwd: '/', ...asSomebody }), 2, says);
    if (root) expect(contents(place.folder)).toEqual(owned);
  });

  test.skipIf(!root)('whose daemon is of another user', async () => {
    using place = makePlace();
    chmodSync(place.source, 0o666);
    chmodSync(place.folder, 0o777);
    const as = { cwd: '/', ...asSomebody };
    const daemon = await listen(fake(), place.source);
    const says =
      /the daemon of this file is another user's: its socket \S+control\.sock is closed[\s\S]+→ run the command as the user of the daemon/;
    for (const words of [['status'], ['verify'], ['throttle']])
      expectRefusal(await run([...words, '--source', place.source, '--json'], as), 2, says);
    await daemon[Symbol.asyncDispose]();
    expectRefusal(
      await run(['sync', '--once', '--source', place.source, '--json'], as),
      2,
      /\.attacca belongs to another user[\s\S]+who started it/,
    );
  });

  test('assess needs no right to write', async () => {
    using place = makePlace();
    chmodSync(place.source, 0o444);
    chmodSync(place.folder, 0o555);
    const before = contents(place.folder);
    const ran = await run(['assess', '--source', place.source, '--json'], { cwd: '/', ...asSomebody });
    expect(ran.code, ran.stderr).toBe(0);
    expectDiscreet(ran);
    expect(contents(place.folder)).toEqual(before);
  });
});

describe.concurrent('words and settings that mean nothing', () => {
  const SOURCE = ['--source', 'app.db'];
  const config = (text: string): Record<string, string> => ({ 'attacca.config.json': text });
  const cases: [string, string[], RegExp, Record<string, string>?, NodeJS.ProcessEnv?][] = [
    ['an unknown command', ['snyc'], /unknown command 'snyc'/],
    ['a URL in the place of a command', [`postgresql://app:${PASSWORD}@db/app`], /unknown command 'postgresql:\/\/app:\*\*\*@db\/app'/],
    ['a file without its flag', ['assess', 'app.db'], /got 1: app\.db[\s\S]+the SQLite file is named with --source/],
    ['a URL in the place of a flag', ['sync', `postgresql://app:${PASSWORD}@db/app`], /too many arguments for 'sync'/],
    ['an unknown flag', ['sync', '--sorce', 'app.db'], /unknown option '--sorce' \(Did you mean --source\?\)/],
    ['an unknown flag of the whole program', ['--nope'], /unknown option '--nope'/],
    ['a flag without its value', ['sync', '--source'], /option '--source <file>' argument missing/],
    ['no source', ['assess'], /no SQLite file given/],
    ['a missing argument', ['quarantine'], /missing required argument 'action'/],
    ['an unknown action', ['quarantine', 'empty', ...SOURCE], /quarantine has no action "empty"/],
    ['a bad id', ['quarantine', 'retry', 'first', ...SOURCE], /"first" is not an id/],
    ['a pause that is no number', ['cutover', '--max-pause', 'soon', ...SOURCE], /'--max-pause <ms>' argument 'soon' is invalid/],
    ['a chunk that is too small', ['throttle', '--chunk-rows', '5', ...SOURCE], /must be a whole number from 100 to 1000000/],
    ['an id for all rows', ['quarantine', 'list', '5', ...SOURCE], /quarantine list takes no ids/],
    ['a table of a whole plan', ['plan', '--table', 't', ...SOURCE], /--table says what is widened/],
    ['a wider plan in force, as a file', ['plan', '--widen', '--out', 'p.yaml', ...SOURCE], /'--widen' cannot be used with option '--out/],
    ['a part of a comparison that was interrupted', ['verify', '--resume', '--table', 't', ...SOURCE], /'--resume' cannot be used with/],
    ['a waiver of what cannot be waived', ['assess', '--waive', 'no-key:t', ...SOURCE], /no-key:t cannot be waived[\s\S]+waive\[0\]/],
    ['a copy both paused and resumed', ['throttle', '--pause', '--resume', ...SOURCE], /'--pause' cannot be used with option '--resume'/],
    ['a pause that is too short', ['cutover', '--yes', '--max-pause', '5', ...SOURCE], /must be a whole number from 100 to 3600000/],
    ['a target that is no Postgres', ['sync', '--target', `mysql://app:${PASSWORD}@db/app`, ...SOURCE], /must begin with postgresql:\/\//],
    [
      'a target that is no URL',
      ['sync', '--target', `postgresql://app:${PASSWORD}@db:port/app`, ...SOURCE],
      /not a Postgres URL: \S+:\*\*\*@/,
    ],
    [
      'a target whose password is not encoded',
      ['sync', '--target', `postgresql://app:p@${PASSWORD}/x@127.0.0.1:1/app`, ...SOURCE],
      /not a Postgres URL: postgresql:\/\/app:\*\*\*@127\.0\.0\.1:1\/app\n[\s\S]+%40/,
    ],
    [
      'the same from a variable',
      ['sync', ...SOURCE],
      /not a Postgres URL: postgresql:\/\/app:\*\*\*@127\.0\.0\.1:1\/app\n/,
      config(`{"target":"postgresql://app:$${'{SECRET}'}@127.0.0.1:1/app"}`),
      { SECRET: `12#${PASSWORD}` },
    ],
    [
      'a target whose CA is nowhere',
      ['sync', '--target', `postgresql://app:${PASSWORD}@127.0.0.1:1/app?sslmode=verify-full&sslrootcert=/nowhere/ca.pem`, ...SOURCE],
      /the file \/nowhere\/ca\.pem that the target names cannot be read \(ENOENT\)/,
    ],
    ['nobody to ask', ['cutover', ...SOURCE], /nobody can be asked here[\s\S]+--yes/],
    ['nobody to ask before an uninstall', ['uninstall', ...SOURCE], /nobody can be asked here[\s\S]+--yes/],
    ['nobody to ask before rows are given up', ['quarantine', 'drop', '1', ...SOURCE], /nobody can be asked here[\s\S]+--yes/],
    ['a missing configuration', ['assess', ...SOURCE, '--config', 'nowhere.json'], /configuration file nowhere\.json cannot be read/],
    ['a configuration that is a folder', ['assess', ...SOURCE, '--config', '.'], /configuration file \. cannot be read/],
    ['a configuration that is not JSON', ['assess'], /attacca\.config\.json is not a JSON object/, config('source: app.db')],
    ['a configuration that is a list', ['assess'], /attacca\.config\.json is not a JSON object/, config('[]')],
    ['an unknown key', ['assess'], /Unrecognized key: "sorce"/, config('{"source":"app.db","sorce":1}')],
    [
      'an unknown key further in',
      ['assess'],
      /Unrecognized key: "maxPause"[\s\S]+cutover/,
      config('{"source":"app.db","cutover":{"maxPause":1}}'),
    ],
    ['a value of another type', ['assess'], /source/, config('{"source":5}')],
    ['an unknown kind of flag', ['assess'], /flag/, config('{"source":"app.db","flag":{"kind":"carrier pigeon","path":"x"}}')],
    [
      'a flag in the database itself',
      ['cutover', '--yes'],
      /the flag cannot be in the SQLite file itself[\s\S]+flag\.path/,
      config('{"source":"app.db","flag":{"path":"./app.db"}}'),
    ],
    [
      'a variable that is not set',
      ['assess'],
      /variable NO_SUCH_THING is not set/,
      config(`{"source":"app.db","target":"postgresql://a:$${'{NO_SUCH_THING}'}@h/d"}`),
    ],
    ['a bad target in the environment', ['status', ...SOURCE], /must begin with postgresql:\/\//, {}, { ATTACCA_TARGET: `db:${PASSWORD}` }],
    ['a plan file that is missing', ['sync', ...SOURCE, '--plan', 'nowhere.yaml'], /plan file \S*nowhere\.yaml cannot be read/],
    [
      'a plan file that is not YAML',
      ['sync', ...SOURCE, '--plan', 'p.yaml'],
      /plan file \S*p\.yaml is not YAML/,
      { 'p.yaml': 'tables: [a: {' },
    ],
    [
      'a plan file with a slip',
      ['plan', ...SOURCE, '--plan', 'p.yaml'],
      /plan file \S*p\.yaml: there is no table "itme"/,
      { 'p.yaml': 'version: 1\nexclude: [itme]\n' },
    ],
    [
      'a plan file with an unknown key',
      ['sync', ...SOURCE, '--plan', 'p.yaml'],
      /plan file \S*p\.yaml is not valid/,
      { 'p.yaml': 'tabels: {}\n' },
    ],
    ...(
      [
        ['assess', '--html'],
        ['plan', '--out'],
        ['verify', '--html'],
      ] as const
    ).map(([command, flag]): (typeof cases)[number] => [
      `${command} into a folder that is not there: said before the source is read`,
      [command, '--source', 'no.db', flag, 'no/where.html'],
      /no\/where\.html cannot be written: ENOENT/,
      { 'no.db': 'this is no database at all' },
    ]),
    ['a report in the place of a folder', ['assess', ...SOURCE, '--html', '.'], /^attacca: \. cannot be written: it is a folder/],
    ['two things on one stdout', ['plan', '--sql', ...SOURCE], /--sql prints SQL, and --json a document/],
    ['a report without a name', ['assess', ...SOURCE, '--html', ''], /^attacca: '' cannot be written: it is a folder/],
    ['a pause of nothing', ['cutover', '--cancel', '--max-pause', '500', ...SOURCE], /'--cancel' cannot be used with option '--max-pause/],
    [
      'a pause of nobody',
      ['rollback', '--accept-loss', '--max-pause', '500', ...SOURCE],
      /'--accept-loss' cannot be used with option '--max-pause/,
    ],
    ['a report over the database', ['assess', ...SOURCE, '--html', './app.db'], /app\.db is the SQLite file itself/],
    ['a plan over the database', ['plan', ...SOURCE, '--out', 'app.db'], /app\.db is the SQLite file itself/],
  ];

  test.each(cases)('%s: %s', async (_, words, says, files = {}, env = {}) => {
    using place = makePlace();
    for (const [name, text] of Object.entries(files)) writeFileSync(join(place.folder, name), text);
    await refused(place, { words, code: 2, says }, { env });
  });

  test('a plan file that names a table which is not there is no failure, and says so', async () => {
    using place = makePlace();
    writeFileSync(join(place.folder, 'p.yaml'), 'version: 1\ntables:\n  orders:\n    target: x\n');
    const { code, stdout, stderr } = await run(['plan', ...SOURCE, '--plan', 'p.yaml'], { cwd: place.folder });
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/warning plan-gone: .*"orders"/);
  });

  test('a plan that blocks says so beside what it prints', async () => {
    using place = makePlace();
    const db = new Database(place.source);
    db.exec('create table many (a, primary key (a)); create trigger quiet after insert on item begin select raise(ignore); end');
    db.close();
    for (const words of [['--sql'], ['--out', 'p.yaml'], []]) {
      const { code, stderr } = await run(['plan', ...words, ...SOURCE], { cwd: place.folder });
      expect(code).toBe(3);
      expect(stderr).toMatch(/attacca: this database cannot be replicated as it is\n +raise-ignore: [\s\S]+→ .+--waive/);
    }
  });

  test('a failure leaves stdout empty where no document was asked for', async () => {
    using place = makePlace();
    for (const words of [['snyc'], ['status', ...SOURCE], ['assess', '--source', 'nowhere.db']]) {
      const { code, stdout, stderr } = await run(words, { cwd: place.folder });
      expect(code, stderr).toBeGreaterThan(1);
      expect(stdout).toBe('');
    }
  });

  test.each(COMMANDS)('%s --help has examples', async command => {
    const { code, stdout, stderr } = await run([command, '--help'], { cwd: tmpdir() });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`Examples:\\n +\\$ attacca ${command}`));
  });

  test('--version and --help are no failures; no command at all is one', async () => {
    const version = await run(['--version'], { cwd: tmpdir() });
    expect([version.code, version.stdout.trim()]).toEqual([0, JSON.parse(readFileSync('package.json', 'utf8')).version]);
    expect((await run(['--help'], { cwd: tmpdir() })).stdout).toContain('Exit codes:');
    expect(await run([], { cwd: tmpdir() })).toMatchObject({ code: 2, stdout: '' });
  });
});

describe.concurrent('a source that was never installed', () => {
  test.each([[['status']], [['verify']], [['cutover', '--yes']], [['quarantine', 'list']], [['uninstall', '--yes']]])(
    '%s says so, and starts no server for it',
    async words => {
      using place = makePlace();
      await refused(place, {
        words: [...words, '--source', 'app.db'],
        code: 3,
        says: /not-installed: .+app\.db[\s\S]+attacca sync[\s\S]+just begun/,
      });
    },
  );
});

describe.concurrent('a Postgres that cannot be', () => {
  const servers: Server[] = [];
  const listening = (answer: string | undefined): Promise<string> =>
    new Promise(ready => {
      const server = createServer(socket => {
        socket.on('error', () => undefined);
        if (answer !== undefined) socket.once('data', () => socket.end(answer));
      });
      servers.push(server);
      server.listen(0, '127.0.0.1', () => ready(`127.0.0.1:${(server.address() as { port: number }).port}`));
    });
  let scram: string;

  beforeAll(async () => {
    scram = await strictServer();
    const admin = await connect(scram);
    await admin.query(`create role app login password 'another one'`);
    await admin.end();
  });
  afterAll(() => {
    for (const server of servers) server.close();
  });

  const at = (address: string): string => `postgresql://app:${PASSWORD}@${address}/app`;
  const strict = (name: string, user = 'app'): string =>
    withPassword(Object.assign(new URL(scram), { username: user, pathname: `/${name}` }).href);
  const cases: [string, number, RegExp, () => string | Promise<string>][] = [
    ['nothing listens', 1, /cannot connect to 127\.0\.0\.1:1: nothing listens there/, () => at('127.0.0.1:1')],
    ['there is no such host', 1, /cannot connect to nowhere\.invalid:5432: \S/, () => at('nowhere.invalid')],
    ['somebody listens and says nothing', 1, /cannot connect to 127\.0\.0\.1:\d+: \S/, async () => at(await listening(undefined))],
    [
      'it is a web server',
      1,
      /cannot connect to 127\.0\.0\.1:\d+: \S/,
      async () => at(await listening('HTTP/1.1 400 Bad Request\r\n\r\n')),
    ],
    ['it hangs up', 1, /cannot connect to 127\.0\.0\.1:\d+: \S/, async () => at(await listening(''))],
    ['the password is wrong', 2, /127\.0\.0\.1:\d+ refused the password of "app"/, () => strict('postgres')],
    ['there is no such role', 2, /refused the password of "stranger"/, () => strict('postgres', 'stranger')],
    ['it speaks no TLS', 2, /^attacca: 127\.0\.0\.1:\d+ does not speak TLS\n.*\n$/, () => `${scram}?sslmode=require`],
    ['there is no such database', 2, /has no database "nowhere"/, () => strict('nowhere', 'attacca')],
  ];

  test.each(cases)('sync: %s (%i)', async (_, code, says, url) => {
    using place = makePlace();
    await refused(place, { words: ['sync', '--once', '--source', 'app.db', '--target', await url()], code, says });
  });

  test.each([[['status']], [['verify']], [['cutover', '--yes']], [['uninstall', '--yes']], [['assess']]])(
    '%s: nothing listens',
    async words => {
      using place = makePlace();
      await refused(place, {
        words: [...words, '--source', 'app.db', '--target', at('127.0.0.1:1')],
        code: 1,
        says: /nothing listens there/,
      });
    },
  );

  test('wal_level is not logical: shadowing goes on, a cutover is refused by name', async () => {
    using place = makePlace();
    const admin = await connect(scram);
    await admin.query('create database shadow');
    await admin.end();
    const target = ['--source', 'app.db', '--target', Object.assign(new URL(scram), { pathname: '/shadow' }).href];
    const once = await run(['sync', '--once', ...target], { cwd: place.folder });
    expect(once, once.stderr).toMatchObject({ code: 0 });
    const dry = await run(['cutover', '--dry-run', ...target, '--json'], { cwd: place.folder });
    expect(dry, dry.stderr).toMatchObject({ code: 3 });
    expectDiscreet(dry);
    const { ok, blockers } = SwitchDocument.parse(JSON.parse(dry.stdout));
    expect(ok).toBe(false);
    expect(blockers).toContainEqual(expect.objectContaining({ code: 'postgres-wal-level', remedy: expect.stringContaining('logical') }));
    expectRefusal(
      await run(['cutover', '--yes', ...target, '--json'], { cwd: place.folder }),
      3,
      /postgres-wal-level: wal_level is replica/,
    );
  });
});

describe.concurrent('a database that attacca must not use', () => {
  const role = `bare_${process.pid}`;
  const withRole = (url: string, user: string): string => withPassword(Object.assign(new URL(url), { username: user }).href);
  const cases: [string, RegExp, string[], ((url: string) => string)?, object?][] = [
    ['the role may not create', /postgres-no-create: the role "bare_\d+" may not create/, [], url => withRole(url, role)],
    [
      'a table of that name',
      /target-not-empty: "item" has rows in Postgres already/,
      ['create table public.item (id int)', 'insert into item values (1)'],
    ],
    ['a view of that name', /target-not-table: "item" is a view in Postgres/, ['create view public.item as select 1 as id']],
    [
      'a schema named attacca',
      /target-not-empty: a schema named attacca exists/,
      ['create schema attacca', 'create table attacca.t (x int)'],
    ],
    [
      'transactions that are read-only by default',
      /postgres-read-only: transactions in "\w+" are read-only by default/,
      ["do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$"],
    ],
    ['no such schema', /postgres-no-schema: the database has no schema "tenant"/, [], withPassword, { schema: 'tenant' }],
  ];
  beforeAll(async () => {
    await using pg = await testPostgres();
    await pg.query(`create role ${role} login`);
  });

  test.each(cases)('%s', async (_, says, statements, url = withPassword, config = {}) => {
    using place = makePlace();
    await using pg: TestPostgres = await testPostgres();
    for (const statement of statements) await pg.query(statement);
    writeFileSync(join(place.folder, 'attacca.config.json'), JSON.stringify({ source: 'app.db', target: url(pg.url), ...config }));
    const before = await catalog(pg.url);
    await refused(place, { words: ['sync', '--once'], code: 3, says });
    expect(await catalog(pg.url)).toEqual(before);
  });

  test.each([
    ['damage', 3, /damaged or cut off/, ({ source }: Place): void => writeFileSync(source, readFileSync(source).fill(0xff, 4_096 * 2)), []],
    ['no tables', 3, /no-tables/, ({ source }: Place): void => void new Database(source).exec('drop table item').close(), []],
    [
      'a bad plan',
      2,
      /plan file \S*p\.yaml is not YAML/,
      ({ folder }: Place): void => writeFileSync(join(folder, 'p.yaml'), '[{'),
      ['--plan', 'p.yaml'],
    ],
  ] as const)('%s is found before anything is put into Postgres', async (_, code, says, spoil, more) => {
    using place = makePlace();
    await using pg = await testPostgres();
    spoil(place);
    const before = await catalog(pg.url);
    await refused(place, { words: ['sync', '--once', '--source', 'app.db', '--target', withPassword(pg.url), ...more], code, says });
    expect(await catalog(pg.url)).toEqual(before);
  });
});

/** A server that asks everyone but its superuser for a password, and whose wal_level is not logical. */
async function strictServer(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'attacca-strict-pg-'));
  chmodSync(dir, 0o755);
  const dataDir = locate(dir);
  const user = runAs(dataDir);
  await initialize(nativeBinaries(user), dataDir, user);
  appendFileSync(join(dataDir, 'postgresql.conf'), 'wal_level = replica\nfsync = off\n');
  const rules = ['host all attacca 127.0.0.1/32 trust', 'host all all 127.0.0.1/32 scram-sha-256'];
  writeFileSync(join(dataDir, 'pg_hba.conf'), `${rules.join('\n')}\n`);
  const server = await startEmbedded(dir);
  endWithProcess(server, dir);
  return server.url;
}

const OLD_NODE = '/usr/bin/node';
const outdated = existsSync(OLD_NODE) && Number(execFileSync(OLD_NODE, ['-p', 'process.versions.napi'], { encoding: 'utf8' })) < 10;

test.skipIf(!outdated)('a Node that is too old (this machine has one as /usr/bin/node)', async () => {
  using place = makePlace();
  copyFileSync(BINARY, join(place.folder, 'bin.cjs')); // no newer Node was installed beside it
  const before = contents(place.folder);
  const how = { cwd: place.folder, node: OLD_NODE, binary: join(place.folder, 'bin.cjs') };
  const { code, stdout, stderr } = await run(['sync', '--source', 'app.db'], how);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^attacca needs Node \S+ or newer; this is v\S+\. Install a newer Node and run it again\.\n$/);
  expect(contents(place.folder)).toEqual(before);
});
