/* A plan file that is edited after the installation. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { caughtUp, openWorld } from '../support/world.ts';

test('what may change still is followed, and what may not is said with what to do; a file that is wrong stops nothing [G7]', async () => {
  await using world = await openWorld(
    db => db.exec('create table t (id integer primary key, n int, m int); insert into t values (1, 1, 1)'),
    {
      plan: 'attacca.plan.yaml',
    },
  );
  const edit = (text: string): void => writeFileSync(join(world.folder, 'attacca.plan.yaml'), text);
  const again = async (): Promise<string> => {
    world.daemon().process.kill('SIGTERM');
    await world.daemon().exited;
    const { log } = world.start();
    await world.until(caughtUp);
    return log();
  };
  edit('version: 1\ntables: { t: { columns: { n: { misfits: quarantine } } } }\n');
  world.start();
  await world.until(caughtUp);
  expect(await again()).not.toContain('plan file');

  edit('version: 1\ntables: { t: { target: things, columns: { n: { misfits: refuse }, m: { codec: tagged } } } }\n');
  expect(await again()).toMatch(
    /"level":40.*the plan file \S*attacca\.plan\.yaml asks for what is not installed, and stays without effect until `attacca uninstall` and a new `attacca sync`: \\"t\\" target things, \\"t\\"\.\\"m\\" codec tagged/,
  );
  expect(await world.pg.query("select detail->'changes' as changes from attacca.audit where event = 'schema'")).toEqual([
    { changes: '["t.n: misfits refuse"]' },
  ]);

  edit('version: 1\ntables: [');
  expect(await again()).toMatch(/"level":40.*the plan file \S*attacca\.plan\.yaml is not YAML.*; the plan that is installed holds/);
  world.app.exec("insert into t values (2, 'many', 1)");
  expect(await world.daemon().exited).toBe(1);
  expect(world.daemon().log()).toContain('its plan says refuse');
});
