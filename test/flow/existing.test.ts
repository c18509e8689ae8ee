/*
 * The application's own migrations made the tables in Postgres, in its dialect of types: attacca fills them, follows both ways, and
 * leaves what they are as it was. Four schemas, as Django, Rails, Sequelize, and Prisma or SQLAlchemy make them.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AssessDocument, StatusDocument, VerifyDocument } from '../../src/server/documents.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { caughtUp, openWorld } from '../support/world.ts';
import { type App, DJANGO, MODERN, RAILS, SEQUELIZE } from './existing-apps.ts';

const mirrored = ({ lag }: StatusDocument): boolean => lag?.ms !== null && (lag?.ms ?? 9e9) < 500;

const CATALOG = [
  /* sql */ `select c.relname, c.relkind, c.relreplident, c.relowner, a.attname, a.attnotnull, a.attidentity, a.attgenerated,
    format_type(a.atttypid, a.atttypmod) as type, pg_get_expr(d.adbin, d.adrelid) as value
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace order by c.relname, a.attnum`,
  /* sql */ `select conrelid::regclass as t, conname, convalidated, pg_get_constraintdef(oid) as def from pg_constraint
    where connamespace = 'public'::regnamespace order by 1, 2`,
  /* sql */ `select indexdef from pg_indexes where schemaname = 'public' order by 1`,
  /* sql */ `select tgrelid::regclass as t, tgname, tgenabled, pg_get_triggerdef(oid) as def from pg_trigger where not tgisinternal order by 1, 2`,
  /* sql */ `select pubname from pg_publication union all select nspname from pg_namespace where nspname !~ '^pg_' order by 1`,
];

/** Everything that DDL could change. */
const catalog = async (pg: TestPostgres): Promise<unknown[]> => {
  const all: unknown[] = [];
  for (const query of CATALOG) all.push(await pg.query(query));
  return all;
};

const EQUAL = { ok: true, differences: 0, quarantined: 0 };

async function journey(app: App): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-test-'));
  if (app.plan !== undefined) writeFileSync(join(folder, 'plan.yaml'), app.plan);
  const config = app.plan === undefined ? {} : { plan: join(folder, 'plan.yaml') };
  await using world = await openWorld(db => db.exec(app.sqlite), config, { folder });
  for (const statement of app.postgres) await world.pg.query(statement);
  const before = await catalog(world.pg);
  const assessed = await world.json<AssessDocument>(0, 'assess');
  expect(new Set(assessed.findings.map(({ code }) => code)), JSON.stringify(assessed.findings)).toEqual(new Set(app.findings));

  const daemon = world.start();
  await world.until(caughtUp);
  for (const statement of app.changes) world.app.exec(statement);
  await world.until(caughtUp);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject(EQUAL);
  for (const [query, expected] of app.seen) expect(await world.pg.query(query), query).toEqual(expected);

  await world.json(0, 'cutover', '--yes');
  for (const statement of app.after) await world.pg.query(statement);
  await world.until(mirrored);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject(EQUAL);
  await world.json(0, 'rollback', '--yes');
  await world.until(caughtUp);
  for (const [query, expected] of app.back) expect(world.app.prepare(query).raw().all(), query).toEqual(expected);
  for (const statement of app.again ?? []) world.app.exec(statement);
  await world.until(caughtUp);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject(EQUAL);
  if (app.kept !== undefined) {
    await world.json(0, 'resync', '--yes'); // which replaces every row in Postgres
    await world.until(caughtUp);
  }
  for (const [query, expected] of app.kept ?? []) expect(await world.pg.query(query), query).toEqual(expected);

  await world.json(0, 'uninstall', '--yes');
  expect(await daemon.exited).toBe(0);
  expect(await catalog(world.pg)).toEqual(before);
}

test('Django: jsonb, uuid from char(32), numeric(10,2), timestamptz from naive UTC texts, integer with identity [G4] [G11]', () =>
  journey(DJANGO));
test('Rails: columns of its own, enum, a trigger, bigserial, migrations left out [G4] [G11]', () => journey(RAILS));
test('Sequelize: booleans from tinyint(1), JSON that is a number in SQLite [G4] [G11]', () => journey(SEQUELIZE));
test('Prisma and SQLAlchemy: quoted names, timestamp(3) from epochs, domain, identity ALWAYS, real [G4] [G11]', () => journey(MODERN));

const NOTES = 'create table note (id integer primary key, code varchar(5), total decimal, parent integer references note)';
const OWN_NOTES = 'create table note (id bigserial primary key, code varchar(5), total numeric(6, 2), parent bigint references note)';
const wider = (length: number): string => `alter table note alter column code type varchar(${length})`;

test('columns that the application makes longer in Postgres are followed, whoever is primary: what did not fit goes in, and comes back; a row without a parent there refuses a cutover [G4] [G9]', async () => {
  await using world = await openWorld(db => db.exec(`${NOTES}; insert into note (id, code, total) values (1, 'abc', 1.5)`));
  await world.pg.query(OWN_NOTES);
  world.start();
  await world.until(caughtUp);
  world.app.exec(`insert into note (id, code, total) values (2, 'ten letters', 2)`);
  await world.until(({ quarantine }) => quarantine === 1);
  await world.pg.query(wider(11));
  await world.json(0, 'quarantine', 'retry');
  const verifying = world.json<VerifyDocument>(0, 'verify', '--rows-per-second', '1');
  await expect.poll(() => world.daemon().log(), { timeout: 60_000 }).toContain('"what":"verify"');
  await world.pg.query(wider(12)); // is followed while the comparison rests
  expect(await verifying, 'it begins anew by itself').toMatchObject({ ...EQUAL, objects: [] });

  world.app.exec('pragma foreign_keys = off; update note set parent = 7 where id = 1');
  await world.until(caughtUp);
  expect(await world.json(3, 'cutover', '--dry-run')).toMatchObject({ blockers: [{ code: 'target-orphans' }] });
  world.app.exec('update note set parent = 2 where id = 1');
  await world.until(caughtUp);
  await world.json(0, 'cutover', '--yes');
  await world.pg.query(`${wider(40)}; insert into note (id, code, total) values (3, 'longer than anything was before it', 3)`);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject(EQUAL);
  await world.json(0, 'rollback', '--yes');
  const log = world.daemon().log();
  expect(log.indexOf('varying(40)'), 'followed before the mirror is needed').toBeLessThan(log.indexOf('fencing_back'));
  await world.until(caughtUp);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ...EQUAL, objects: [] });
  expect(world.app.prepare('select code from note').pluck().all()).toEqual(['abc', 'ten letters', 'longer than anything was before it']);
});

test('a schema that changes, after the installation and before capture or later, halts: what that is in Postgres, only the application knows [G7] [G11]', async () => {
  await using world = await openWorld(db => db.exec(`${NOTES}; insert into note (id, code, total) values (1, 'abc', 1.5)`));
  const { app, pg } = world;
  await pg.query(OWN_NOTES);
  const columns = () =>
    pg.query(`select attname as name from pg_attribute where attrelid = 'note'::regclass and attnum > 0 order by attnum`);
  const before = await columns();
  app.exec('begin immediate'); // keeps capture out
  const first = world.start();
  await expect.poll(() => pg.query('select phase from attacca.control').catch(() => [])).toEqual([{ phase: 'preparing' }]);
  first.process.kill('SIGKILL');
  await first.exited;
  app.exec('commit; alter table note add column extra text');
  const second = world.start();
  expect(await second.exited).toBe(1);
  expect(second.log()).toContain('the schema of the SQLite file has changed, and the tables in Postgres are the application’s own');
  expect(await columns()).toEqual(before);
  app.exec('alter table note drop column extra'); // as its hint says
  const third = world.start();
  await world.until(caughtUp);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject(EQUAL);
  app.exec('alter table note add column extra text'); // nor later
  expect(await third.exited).toBe(1);
  expect(await columns()).toEqual(before);
});
