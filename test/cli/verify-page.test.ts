import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { actor } from '../../src/change/actor.ts';
import { VerifyDocument } from '../../src/server/documents.ts';
import { openWorld } from '../support/world.ts';

const SCHEMA = `
  create table "a<script>alert(1)</script>" (id integer primary key, t text, mixed);
  insert into "a<script>alert(1)</script>" values (1, 'the-secret-value', 'another-secret'), (2, 'x', 3);
  create table shop (id integer primary key, name text); insert into shop values (1, 'one'), (2, 'two')`;

test('verify --html: one page with positions, counts, digests, and who asked; nothing from elsewhere, and no value of a row', async () => {
  await using world = await openWorld(db => db.exec(SCHEMA), { verify: { fullEveryMinutes: 0 } });
  await world.json(0, 'sync', '--once');
  const file = join(world.folder, 'proof.html');
  const equal = VerifyDocument.parse(await world.json(0, 'verify', '--html', file));
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(equal).toMatchObject({ by: actor(), version, resumed: false, kind: 'full', rows: 4 });
  expect(equal.lsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
  expect(Math.abs(Date.parse(equal.startedAt) - Date.now())).toBeLessThan(600_000);
  const page = readFileSync(file, 'utf8');
  expect(page).not.toMatch(/<script|<link|<img|<iframe|<object|<embed|\bsrc=|href=|url\(|@import|https?:/i);
  expect(page).not.toContain('secret');
  expect(page).toContain('a&lt;script&gt;alert(1)&lt;/script&gt;');
  for (const shown of [equal.position, equal.lsn, equal.by, equal.startedAt, equal.version, equal.source]) expect(page).toContain(shown);
  for (const { digests } of equal.tables) expect(page).toContain(digests?.source);

  const [{ install }] = (await world.pg.query('select install from attacca.control')) as [{ install: string }];
  await world.pg.query(`select set_config('attacca.token', '${install}', false)`);
  await world.pg.query("update shop set name = 'secret' where id = 2");
  const different = VerifyDocument.parse(await world.json(4, 'verify', '--html', file));
  const table = different.tables.find(({ table }) => table === 'shop');
  expect(table?.samples).toEqual([{ table: 'shop', key: '["i:2"]', kind: 'different', columns: ['name'], rogue: false }]);
  expect(table?.digests?.source).toBe(equal.tables.find(({ table }) => table === 'shop')?.digests?.source);
  expect(table?.digests?.target).not.toBe(table?.digests?.source);
  const proof = readFileSync(file, 'utf8');
  expect(proof).toContain('<td><code>[&quot;i:2&quot;]</code></td><td>different</td><td><code>name</code></td>');
  expect(proof).not.toContain('secret');
});
