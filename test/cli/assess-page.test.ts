import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AssessDocument } from '../../src/server/documents.ts';
import { openWorld } from '../support/world.ts';

const SCHEMA = `
  create table "a<script>alert(1)</script>" (id integer primary key, made datetime, "b & c" text, mixed, check (id < 100));
  insert into "a<script>alert(1)</script>" values (1, '2024-01-01 10:00:00', 'the-secret-value', 'another-secret'), (2, '01.02.2024', 'x', 3);
  create table shop (id integer primary key, doc_json text); create view v as select id from shop; create index i on shop (doc_json)`;

test('--html: one page without scripts or anything from elsewhere, escaped, without values of rows', async () => {
  await using world = await openWorld(db => db.exec(SCHEMA));
  const file = join(world.source, '..', 'report.html');
  const document = await world.json<AssessDocument>(0, 'assess', '--html', file);
  const page = readFileSync(file, 'utf8');
  expect(page).not.toMatch(/<script|<link|<img|<iframe|<object|<embed|\bsrc=|href=|url\(|@import|https?:/i);
  expect(page).not.toMatch(/secret|01\.02\.2024/);
  expect(page).toContain('a&lt;script&gt;alert(1)&lt;/script&gt;');
  expect(page).toContain('b &amp; c');
  expect(page).toContain('prefers-color-scheme: dark');
  for (const { code } of document.findings) expect(page).toContain(`<code>${code}</code>`);
  for (const name of ['shop', 'v', 'i']) expect(page).toContain(`<td><code>${name}</code></td>`);
  const { estimate } = document;
  expect(estimate.snapshotSeconds[0]).toBeGreaterThan(0);
  for (const assumption of estimate.assumptions) expect(page.replaceAll('&#39;', "'")).toContain(assumption);
});

test('where there is no finding, it says so', async () => {
  await using world = await openWorld(db => db.exec('create table t (id integer primary key, v integer)'));
  const file = join(world.source, '..', 'report.html');
  const { stdout } = await world.run('assess', '--html', file);
  expect(stdout).toContain('findings\n  none\nestimate');
  expect(readFileSync(file, 'utf8')).toContain('<h2>Findings</h2>\n<p>None.</p>');
});
