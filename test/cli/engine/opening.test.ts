/* What cannot be opened as a whole leaves nothing open of it: a daemon tries again for as long as it takes. */
import { mkdirSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { template } from '../../../src/change/template.ts';
import { type Engine, type Installed, openEngine, refuseOtherSource } from '../../../src/cli/engine/engine.ts';
import { reverseTail } from '../../../src/cli/engine/mirror/reverse-tail.ts';
import { alertsOf } from '../../../src/cli/engine/tell/alerts.ts';
import type { Control } from '../../../src/postgres/installed/control.ts';
import { install } from '../../../src/sqlite/capture/install.ts';
import { readSchema } from '../../../src/sqlite/schema/tables.ts';
import { planOf, scratch } from '../../sqlite/planned.ts';
import { type TestPostgres, testPostgres } from '../../support/postgres.ts';
import { makePlace } from '../refusals.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await testPostgres();
});
afterAll(() => postgres[Symbol.asyncDispose]());

const sessions = () => postgres.query(`select application_name from pg_stat_activity where application_name like 'attacca%'`);

function place(): string {
  const made = makePlace();
  onTestFinished(() => made[Symbol.dispose]());
  return made.source;
}

test('a file that was moved is known by the id in it; another one is refused [G7]', async () => {
  using world = scratch('create table t (id integer primary key)');
  await install(world.db, planOf(readSchema(world.db)), { install: 'i', target: 't' }, 1_000);
  const of = (install: string) => ({ source: '/before/app.db', install }) as unknown as Control;
  refuseOtherSource(of('i'), world.path);
  expect(() => refuseOtherSource(of('another'), world.path)).toThrow('belongs to another source');
});

test('an engine whose flag makes no sense', async () => {
  const config = { source: place(), target: postgres.url, schema: 'public', snapshot: {}, flag: { kind: 'nowhere' } };
  const opened = openEngine(config as unknown as Engine['config'], {} as Engine['log'], 'sync', { env: {} });
  await expect(opened).rejects.toThrow('no place is known for this flag');
  await expect.poll(sessions).toEqual([]);
});

const mirrored = (url: string, source: string, meanwhile: () => void): Installed => {
  const side = {
    query: async () => {
      meanwhile();
      return { rows: [{ status: 'reserved', retained: '0', active: 't', flush: null, restart: null, safe: null }] };
    },
  };
  const mirror = { warnSlotMegabytes: 1, maxSlotMegabytes: 100, whenSlotFull: 'warn' };
  const engine = { config: { source, mirror }, url, side, facts: {}, alerts: alertsOf() };
  return { engine, plan: { tables: [] } } as unknown as Installed;
};

/** A file that knows of the cutover, from no server. */
function mirrorFile(): string {
  const source = place();
  const db = new Database(source);
  db.exec(template('sqlite/install.sql', { columns: 'k' }));
  db.exec(`insert into _attacca_control (id, "primary") values (1, 'postgres')`);
  db.close();
  return source;
}

const STREAM = { slot: 's', publication: 'p' };

test('a mirror whose file is gone', async () => {
  const source = mirrorFile();
  const gone = (): void => {
    rmSync(source);
    mkdirSync(source);
  };
  await expect(reverseTail(mirrored(postgres.url, source, gone), STREAM)).rejects.toThrow(source);
  expect(await sessions()).toEqual([]);
});

test.skipIf(process.platform !== 'linux')('a mirror whose Postgres is away', async () => {
  const source = mirrorFile();
  const db = new Database(source);
  onTestFinished(() => void db.close());
  const files = (): string[] =>
    readdirSync('/proc/self/fd').flatMap(fd => {
      try {
        return readlinkSync(join('/proc/self/fd', fd)).startsWith(source) ? [fd] : [];
      } catch {
        return []; // it was the one that lists them
      }
    });
  const before = files();
  const nowhere = new URL(postgres.url);
  nowhere.port = '1';
  await expect(
    reverseTail(
      mirrored(nowhere.href, source, () => undefined),
      STREAM,
    ),
  ).rejects.toMatchObject({ disposition: 'retry' });
  expect(files()).toEqual(before);
});
