import { execFileSync, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { VerifyDocument } from '../../src/server/documents.ts';
import { buildShop, writeSome } from '../support/shop.ts';
import { caughtUp, openWorld } from '../support/world.ts';

const hasShell = spawnSync('sqlite3', ['--version']).status === 0;

test.skipIf(!hasShell)('what no trigger saw is found by the regular comparison, and keeps a cutover from happening [G9]', async () => {
  await using world = await openWorld(buildShop(200), { verify: { everySeconds: 1, fullEveryMinutes: 0.05 } });
  world.start();
  await world.until(({ verification }) => verification.ok === true);
  const [{ name, id }] = world.app
    .prepare(
      "select m.name, c.name as id from sqlite_schema m, pragma_table_info(m.name) c where m.type = 'table' and c.pk = 1 and m.name not like '\\_%' escape '\\'",
    )
    .all() as [{ name: string; id: string }];
  execFileSync('sqlite3', [world.source], {
    input: `.timeout 60000\n.dbconfig enable_trigger off\ndelete from "${name}" where "${id}" = (select min("${id}") from "${name}");`,
  });
  await world.until(({ verification }) => verification.ok === false);
  const blockers = async () =>
    JSON.parse((await world.run('cutover', '--dry-run', '--json')).stdout).blockers.map(({ code }: { code: string }) => code);
  await expect.poll(blockers).toContain('differences'); // until then a comparison may be under way
  await expect.poll(async () => (await world.run('verify', '--repair', '--json')).code).toBe(0);
  await world.until(({ verification }) => verification.ok === true);
  expect(await world.differences()).toEqual([]);
});

test('a full comparison that a crash has interrupted goes on where it was, and finds what changed meanwhile [G9]', async () => {
  await using world = await openWorld(buildShop(300), { verify: { everySeconds: 1, fullEveryMinutes: 0.02 } });
  const dead = world.start('round.save:after');
  await dead.exited;
  const stored = () => world.pg.query('select start, places from attacca.round');
  expect(await stored()).toHaveLength(1);
  writeSome(world.app, 20);
  const [{ install }] = (await world.pg.query('select install from attacca.control')) as [{ install: string }];
  await world.pg.query(`select set_config('attacca.token', '${install}', false)`);
  await world.pg.query('delete from log where at = 200');
  const next = world.start();
  await world.until(({ verification }) => verification.ok === false);
  expect(next.log()).toContain('an interrupted comparison goes on');
  expect(await stored()).toEqual([]);
});

test('marks that nobody has verified outlive a crash: what differs behind them is found by the check of the next cutover [G9]', async () => {
  await using world = await openWorld(buildShop(50), { verify: { everySeconds: 3600, fullEveryMinutes: 0 } });
  world.start();
  await world.until(caughtUp);
  expect((await world.run('verify', '--json')).code).toBe(0);
  world.app.exec("update customer set note = 'changed' where id = 7");
  await expect.poll(() => world.pg.query("select note from customer where id = 7 and note = 't:changed'")).toHaveLength(1);
  world.daemon().process.kill('SIGKILL');
  await world.daemon().exited;
  const [{ install }] = (await world.pg.query('select install from attacca.control')) as [{ install: string }];
  await world.pg.query(`select set_config('attacca.token', '${install}', false)`);
  await world.pg.query("update customer set note = 't:else' where id = 7");
  world.start();
  await world.until(caughtUp);
  const { code, stdout } = await world.run('cutover', '--yes', '--json');
  expect(code).toBe(3);
  expect(JSON.parse(stdout).blockers.map((blocker: { code: string }) => blocker.code)).toEqual(['differences']);
  expect(await world.pg.query('select 1 from pg_replication_slots where database = current_database()'), 'nobody reads it').toEqual([]);
  await world.until(({ verification }) => verification.ok === false); // which refuses the next one at once
  expect((await world.run('verify', '--repair', '--json')).code).toBe(0);
  expect(await world.differences()).toEqual([]);
});

test('a slow full comparison of the daemon makes way for whatever is asked for, and for the end of the daemon [G9]', async () => {
  await using world = await openWorld(buildShop(100), { verify: { everySeconds: 1, fullEveryMinutes: 0.02, rowsPerSecond: 1 } });
  const daemon = world.start();
  const stored = () => world.pg.query("select from pg_tables where schemaname = 'attacca' and tablename = 'round'");
  const resting = async () => (await stored()).length === 1 && (await world.pg.query('select from attacca.round')).length === 1;
  await expect.poll(resting).toBe(true); // it would rest for minutes now
  const { durationMs } = await world.json<VerifyDocument>(0, 'verify', '--rows-per-second', '400');
  expect(durationMs).toBeGreaterThan(900); // 400 rows
  await world.json(0, 'cutover', '--yes');
  daemon.process.kill('SIGTERM');
  expect(await daemon.exited).toBe(0);
});
