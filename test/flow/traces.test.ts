/* `uninstall` and `finish` leave nothing behind: the catalogs of both databases and the folder are compared before and after. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stage } from '../../src/flag/replace.ts';
import { mirroringWorld } from '../support/mirroring.ts';
import { buildShop } from '../support/shop.ts';
import { tracesBeside, tracesInPostgres, tracesInSqlite } from '../support/traces.ts';
import { caughtUp, openWorld } from '../support/world.ts';

/** Things of somebody else's in the same database, and of the application's in the same file. */
const THEIRS = /* sql */ `
  create table theirs (id serial primary key, n integer check (n > 0));
  create view seen as select id from theirs;
  create function theirs_touch() returns trigger language plpgsql as 'begin return new; end';
  create trigger touch before update on theirs for each row execute function theirs_touch();
  comment on table theirs is 'of somebody else';
  alter default privileges in schema public grant select on tables to public;
  create publication theirs for table theirs`;
const MORE = /* sql */ `
  create trigger order_log after insert on orders begin insert into log values ('order', new.id); end;
  create view vips as select email from customer where vip;
  pragma user_version = 42`;

/** A world with all that in it, and a comparison with how it was. */
async function before() {
  const world = await openWorld(
    db => {
      buildShop(120)(db);
      db.exec(MORE);
    },
    { snapshot: { chunkRows: 100 } },
  );
  await world.pg.query(THEIRS);
  writeFileSync(world.flag, 'DB_TYPE=sqlite\n'); // the application's, and it stays
  const was = { pg: await tracesInPostgres(world.pg), sqlite: tracesInSqlite(world.app), beside: tracesBeside(world.source) };
  const unchanged = async (when: string): Promise<void> => {
    expect(await tracesInPostgres(world.pg), when).toEqual(was.pg);
    expect(tracesInSqlite(world.app), when).toEqual(was.sqlite);
    expect(tracesBeside(world.source), when).toEqual(was.beside);
  };
  return { world, was, unchanged };
}

test('uninstall before the first copy is done leaves both databases and the folder as they were [G11]', async () => {
  const { world, unchanged } = await before();
  await using _world = world;
  // Killed while it prepares, copies and catches up: then the command does it alone.
  for (const point of ['main.query:before#12', 'snapshot.write:after', 'journal.read:before']) {
    const daemon = world.start(point);
    await daemon.exited;
    expect(daemon.process.signalCode, point).toBe('SIGKILL');
    await world.json(0, 'uninstall', '--yes');
    await unchanged(`killed at ${point}`);
  }
});

test('uninstall while it shadows, also after a cutover and a rollback, leaves but the backups [G11]', async () => {
  const { world, was, unchanged } = await before();
  await using _world = world;
  const daemon = await mirroringWorld(world);
  expect((await world.run('uninstall', '--yes')).code, 'not while Postgres is primary').toBe(3);
  await world.json(0, 'rollback', '--yes');
  await world.until(caughtUp);
  stage(world.flag, 'DB_TYPE=postgresql\n'); // by a cutover that was killed before it had begun
  await world.json(0, 'uninstall', '--yes');
  expect(await daemon.exited).toBe(0);
  expect(tracesBeside(world.source)).toEqual(['.attacca', '.attacca/backups', ...was.beside]);
  rmSync(join(world.folder, '.attacca'), { recursive: true });
  await unchanged('but for the backups');
});

test('finish leaves the application its tables and the fence, and nothing else of attacca [G11]', async () => {
  const { world, was } = await before();
  await using _world = world;
  const daemon = await mirroringWorld(world);
  expect((await world.run('finish')).code, 'nobody can be asked here').toBe(2);
  stage(world.flag, 'DB_TYPE=sqlite\n');
  await world.json(0, 'finish', '--yes');
  expect(await daemon.exited).toBe(0);

  const after = await tracesInPostgres(world.pg);
  expect(
    was.pg.filter(line => !after.includes(line)),
    'nothing of somebody else is gone',
  ).toEqual([]);
  // Rights name the owner, and this server's superuser has our name.
  const added = after.filter(line => !was.pg.includes(line));
  expect(added.filter(line => /attacca/i.test(line.replace(/\{.*\}$/, '')))).toEqual([]);
  const kinds = new Set(added.map(line => line.split(':')[0]));
  expect([...kinds].filter(kind => !['relation', 'column', 'constraint', 'index', 'type', 'comment'].includes(kind ?? ''))).toEqual([]);
  const foreign = added.filter(line => /^relation:/.test(line) && !/^relation: public\.(customer|orders|line|log|vips)/.test(line));
  expect(foreign).toEqual([]);
  const ours = world.app.prepare(`select name from sqlite_schema where name glob '_attacca*'`).pluck().all() as string[];
  expect(ours.filter(name => !name.startsWith('_attacca_fence'))).toEqual([]);
  expect(world.app.prepare(`select count(*) from sqlite_schema where name in ('order_log', 'vips')`).pluck().get()).toBe(2);
  expect(tracesBeside(world.source).filter(name => !name.startsWith('.attacca'))).toEqual(was.beside);
  expect(tracesBeside(world.source).filter(name => name.startsWith('.attacca'))).toEqual(['.attacca', '.attacca/backups']);
});

test('a finish that a crash has interrupted is completed by the next start, and leaves as little [G11]', async () => {
  const { world } = await before();
  await using _world = world;
  const first = await mirroringWorld(world);
  first.process.kill('SIGKILL');
  await first.exited;
  await world.pg.query(`update attacca.control set phase = 'finished'`); // the step after which there is no way back

  expect(await world.start().exited).toBe(0);
  expect((await tracesInPostgres(world.pg)).filter(line => /^(schema: attacca|slot|publication: attacca)/.test(line))).toEqual([]);
  expect(() => world.app.prepare('delete from log').run()).toThrow(/ATTACCA_FENCED/);
  expect(tracesBeside(world.source).filter(name => name.startsWith('.attacca'))).toEqual(['.attacca', '.attacca/backups']);
});
