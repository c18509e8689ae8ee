/*
 * The applications of deploy/examples go through a cutover and a rollback: what each printed as bought is in both databases once, and
 * nothing else is. What SIGTERM finds in flight is ended first.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { testPostgres } from '../support/postgres.ts';
import { startProxy } from '../support/proxy.ts';
import { caughtUp, openWorld, type World } from '../support/world.ts';

const SCHEMA = readFileSync('deploy/examples/shop.sql', 'utf8');
/** Debian's: it is the one that has Debian's psycopg2. */
const PYTHON = '/usr/bin/python3';
const hasDriver = spawnSync(PYTHON, ['-c', 'import psycopg2, sqlite3']).status === 0;

/** A machine that is busy with other things must not keep a switch from beginning. */
const PATIENT = { cutover: { maxLagMs: 60_000, maxPauseMs: 30_000 } };

type Till = {
  readonly process: ChildProcess;
  readonly bought: Map<string, string>;
  /** Resolves when it has bought `count` more on `side`. */
  buys(count: number, side: string): Promise<void>;
};

function openTill(world: Pick<World, 'source' | 'flag'> & { readonly url: string }, name: string, program: readonly string[]): Till {
  const env = { ...process.env, SQLITE: world.source, POSTGRES: world.url, FLAG: world.flag };
  const [command = '', ...words] = program;
  const child = spawn(command, [...words, name], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const bought = new Map<string, string>();
  const waiting = new Set<(side: string) => void>();
  createInterface({ input: child.stdout }).on('line', line => {
    const [, token, side = 'postgres'] = /^bought (\S+) (?:on (\S+)|after all)$/.exec(line) ?? [];
    if (line.startsWith('did not buy')) throw new Error(line);
    if (token === undefined) return;
    if (bought.has(token)) throw new Error(`${token} was bought twice`);
    bought.set(token, side);
    for (const told of waiting) told(side);
  });
  return {
    process: child,
    bought,
    buys: (count, side) =>
      new Promise((resolve, reject) => {
        let left = count;
        const told = (on: string): void => {
          if (on !== side || --left > 0) return;
          waiting.delete(told);
          resolve();
        };
        waiting.add(told);
        child.once('exit', code => reject(new Error(`${name} ended with ${code}`)));
      }),
  };
}

const ROWS = 'select token from purchase order by token';
const PIECES = 'select cast((select sum(pieces) from stock) + (select sum(pieces) from purchase) as text) as pieces';

async function thereAndBack(...programs: readonly (readonly string[])[]): Promise<void> {
  await using world = await openWorld(db => db.exec(SCHEMA), PATIENT);
  world.start();
  await world.until(caughtUp);
  const tills = programs.map((program, index) => openTill({ ...world, url: world.pg.url }, `till${index + 1}`, program));
  const all = (side: string): Promise<unknown> => Promise.all(tills.map(till => till.buys(20, side)));
  try {
    await all('sqlite');
    await world.json(0, 'verify');
    await Promise.all([all('postgres'), world.json(0, 'cutover', '--yes')]);
    await world.until(({ phase, lag }) => phase === 'mirroring' && lag !== null && lag.ms !== null && lag.ms < 1_000);
    await Promise.all([all('sqlite'), world.json(0, 'rollback', '--yes')]);
    const ends = tills.map(till => once(till.process, 'close'));
    for (const till of tills) till.process.kill('SIGTERM');
    expect(await Promise.all(ends)).toEqual(tills.map(() => [0, null]));
  } finally {
    for (const till of tills) till.process.kill('SIGKILL');
  }
  await world.until(caughtUp);
  const bought = tills.flatMap(till => [...till.bought.keys()]).sort();
  expect(world.app.prepare(ROWS).pluck().all()).toEqual(bought);
  const there = await world.pg.query(ROWS.replace('purchase', 'public.purchase'));
  expect(there.map(row => row.token).sort()).toEqual(bought);
  expect(world.app.prepare(PIECES).pluck().get(), 'what was bought left the stock').toBe('300000');
  expect(await world.differences()).toEqual([]);
}

const NODE = [process.execPath, 'deploy/examples/shop.js'];

test('two Node applications go there and back, and every purchase is there once [G8] [G10]', () => thereAndBack(NODE, NODE));

test.skipIf(!hasDriver)(`a Python application goes there and back beside one of Node (needs psycopg2 in ${PYTHON}) [G8] [G10]`, () =>
  thereAndBack([PYTHON, 'deploy/examples/shop.py'], NODE),
);

/** Against Postgres alone, over a network that loses answers. */
async function overBadNetwork(program: readonly string[], words: readonly string[]): Promise<void> {
  await using pg = await testPostgres();
  await pg.query(SCHEMA.replace(/^pragma.*$/m, ''));
  const { hostname, port } = new URL(pg.url);
  await using network = await startProxy({ host: hostname, port: Number(port) });
  const folder = mkdtempSync(join(tmpdir(), 'attacca-examples-'));
  const flag = join(folder, 'app.env');
  writeFileSync(flag, 'DB_TYPE=postgresql\nDB_TYPE_EPOCH=1\n');
  const url = Object.assign(new URL(pg.url), { port: network.port }).href;
  const till = openTill({ source: join(folder, 'app.db'), flag, url }, 'till', program);
  try {
    for (const word of words) await Promise.all([network.loseAnswer(word), till.buys(20, 'postgres')]);
    await till.buys(5, 'postgres');
    till.process.kill('SIGTERM');
    expect(await once(till.process, 'close')).toEqual([0, null]);
  } finally {
    till.process.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
  expect((await pg.query(ROWS)).map(({ token }) => token).sort()).toEqual([...till.bought.keys()].sort());
  expect((await pg.query(PIECES))[0]?.pieces).toBe('300000');
}

test('a Node application that loses its connections, in COMMIT too, has each purchase once [G10]', () =>
  overBadNetwork(NODE, ['commit', 'update stock', 'begin', 'commit']));

test.skipIf(!hasDriver)('so has a Python application, which runs them again [G10]', () =>
  overBadNetwork([PYTHON, 'deploy/examples/shop.py'], ['COMMIT', 'update stock', 'COMMIT']),
);
