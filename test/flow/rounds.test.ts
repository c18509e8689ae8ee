import { execFileSync, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { buildShop } from '../support/shop.ts';
import { openWorld } from '../support/world.ts';

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
    input: `.timeout 5000\n.dbconfig enable_trigger off\ndelete from "${name}" where "${id}" = (select min("${id}") from "${name}");`,
  });
  await world.until(({ verification }) => verification.ok === false);
  const blockers = async () =>
    JSON.parse((await world.run('cutover', '--dry-run', '--json')).stdout).blockers.map(({ code }: { code: string }) => code);
  await expect.poll(blockers, { timeout: 20_000 }).toContain('differences'); // until then a comparison may be under way
  await expect.poll(async () => (await world.run('verify', '--repair', '--json')).code, { timeout: 20_000 }).toBe(0);
  await world.until(({ verification }) => verification.ok === true);
  expect(await world.differences()).toEqual([]);
});
