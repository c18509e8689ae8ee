/*
 * There and back with the role that deploy/least-privilege.sql makes, no more; and its password is in nothing that is left behind, said, or
 * shown to other users of the machine.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { SwitchDocument } from '../../src/server/documents.ts';
import { backAgain, mirroringWorld, writeInPostgres } from '../support/mirroring.ts';
import { type OwnPostgres, ownPostgres } from '../support/postgres.ts';
import { buildShop, writeSome } from '../support/shop.ts';
import { caughtUp, openWorld, type World } from '../support/world.ts';

const ROLE = 'replicator';
const PASSWORD = 'correct-horse-battery';
const VARIABLE = 'ATTACCA_TEST_PASSWORD';

const FILE = readFileSync('deploy/least-privilege.sql', 'utf8');

/** The file's statements as psql would send them; those that it offers as comments are not among them. */
const granting = (db: string): string => FILE.replaceAll(':"role"', `"${ROLE}"`).replaceAll(':"db"', `"${db}"`);

/** Those that it offers for a role of the application's own, `app`. */
const admitting = [...FILE.matchAll(/^-- {3}(.* to app;)$/gm)].flatMap(([, statement]) =>
  / app_flag /.test(statement ?? '') ? [] : statement,
);

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map(name => join(folder, name))
    .filter(path => statSync(path).isFile());

const TABLES = /* sql */ `select c.relname as name from pg_class c where c.relnamespace = 'attacca'::regnamespace and c.relkind = 'r'`;

/** Whatever attacca has written, in files and in Postgres, and what others see of it while it runs. */
async function artefacts(world: World, server: OwnPostgres): Promise<Map<string, string>> {
  const found = new Map(filesIn(world.folder).map(path => [path, readFileSync(path, 'latin1')]));
  for (const { name } of await server.query(TABLES))
    found.set(`attacca.${name}`, JSON.stringify(await server.query(`select to_jsonb(t)::text as row from attacca."${name}" t`)));
  found.set('pg_stat_activity', JSON.stringify(await server.query(`select application_name, query from pg_stat_activity`)));
  const { pid } = world.daemon().process;
  if (process.platform === 'linux') found.set('process list', readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
  return found.set('log', world.daemon().log());
}

test('with exactly the documented grants it goes there and back, and tells nobody the password [G8] [G10] [G11]', async () => {
  process.env[VARIABLE] = PASSWORD; // of the commands too
  await using server = await ownPostgres();
  const { host, pathname } = new URL(server.url);
  await server.query(granting(pathname.slice(1)));
  await server.query(`alter role ${ROLE} password '${PASSWORD}'; create role app; ${admitting.join(' ')}`);
  const target = `postgresql://${ROLE}:$\{${VARIABLE}}@${host}${pathname}`;
  await using world = await openWorld(buildShop(50), { target, cutover: { roles: ['app'] } }, { server });
  const inTheWay = async (of: 'cutover' | 'rollback') =>
    (await world.json<SwitchDocument>(3, of, '--dry-run')).blockers.map(({ code }) => code);
  await mirroringWorld(world);
  await writeInPostgres(world, 3);
  await server.query(`alter table orders owner to current_user; grant all on orders to ${ROLE}`);
  expect(await inTheWay('rollback')).toContain('privileges');
  await server.query(`alter table orders owner to ${ROLE}`);
  expect(await backAgain(world)).toEqual([]);

  await server.query(`alter role ${ROLE} noreplication; revoke update on orders from app`);
  expect(await inTheWay('cutover'), 'without the way back there is no way there').toEqual(
    expect.arrayContaining(['postgres-no-replication', 'application-role']),
  );
  await server.query(`alter role ${ROLE} replication; grant update on orders to app`);

  await server.crash(); // what an outage says is said too
  await expect.poll(() => world.daemon().log()).toContain('restarting until it works');
  await server.start();
  writeSome(world.app, 5);
  await world.until(caughtUp);
  expect(await world.differences()).toEqual([]);

  const said = await Promise.all(
    [['status'], ['audit'], ['verify', '--json'], ['cutover', '--dry-run'], ['throttle']].map(words => world.run(...words)),
  );
  const all = await artefacts(world, server);
  expect(all.size).toBeGreaterThan(10);
  expect([...all].filter(([, text]) => text.includes(PASSWORD)).map(([name]) => name)).toEqual([]);
  expect(said.map(({ stdout, stderr }) => stdout + stderr).join()).not.toContain(PASSWORD);
  expect(said[0]?.stdout, 'it is there all the same').toContain(`postgresql://${ROLE}:***@${host}`);

  await world.json(0, 'uninstall', '--yes'); // the role may take away what it has made
});
