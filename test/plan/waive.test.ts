import { expect, test } from 'vitest';
import { CODES, finding } from '../../src/plan/codes.ts';
import type { Finding } from '../../src/plan/finding.ts';
import { todo, WAIVABLE, Waiver, waive } from '../../src/plan/waive.ts';
import { captureHazards } from '../../src/sqlite/capture/hazards.ts';
import { install } from '../../src/sqlite/capture/install.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { planOf, scratch } from '../sqlite/planned.ts';

const ignoring: Finding = {
  ...{ code: 'raise-ignore', level: 'blocking', table: 'orders', column: null, message: 'm', remedy: 'r', count: 1, samples: [] },
};

test.each(['raise-ignore', 'raise-ignore:orders'])('%s is waived: a warning with the reason, and recorded', name => {
  const waiver = { finding: name, reason: 'that table is never written' };
  expect(waive([ignoring], [waiver])).toEqual({
    findings: [{ ...ignoring, level: 'warning', waived: 'that table is never written' }],
    waived: [waiver],
  });
});

test('a waiver of another table, or of nothing any more, changes nothing', () => {
  const waivers = [{ finding: 'raise-ignore:other', reason: 'x' }];
  expect(waive([ignoring], waivers)).toEqual({ findings: [ignoring], waived: [] });
});

test.each(['no-key:t', 'no-tables', 'unique-collation', 'nonsense'])('%s cannot be waived', name => {
  expect(() => Waiver.parse({ finding: name, reason: 'x' })).toThrow(`${name} cannot be waived`);
  expect(todo(finding('no-key', { table: 't', message: 'm' }))).not.toContain('--waive');
});

/** With these, capture still installs and the application still writes: what is at stake is a mark, not a write. */
test.each([
  ['volatile-unique-default', 'create table t (id integer primary key, u default (random()) unique)'],
  [
    'unique-expression-over-default',
    'create table t (id integer primary key, u text not null default 1); create unique index i on t (lower(u))',
  ],
  ['unique-expression-comparison', 'create table t (id integer primary key, u text); create unique index i on t (u = 1)'],
  [
    'raise-ignore',
    'create table t (id integer primary key, u); create trigger g after insert on t when new.u = 9 begin select raise(ignore); end',
  ],
])('%s, waived: installs, and marks what triggers see', async (code, schema) => {
  expect(WAIVABLE).toContain(code);
  using file = scratch(schema);
  const { db } = file;
  expect(captureHazards(readSchema(db)).map(found => found.code)).toEqual([code]);
  await install(db, planOf(readSchema(db)), { install: 'i', target: 't' }, 1_000);
  db.exec("insert into t (id, u) values (1, 'a'); update t set u = 'b'; insert or replace into t (id) values (1); delete from t");
});

test('codes are a contract: one may be added, none renamed', () => {
  const named = Object.entries(CODES).map(([code, [level]]) => `${code} ${level}`);
  expect(named).toEqual(
    expect.arrayContaining([
      'check warning',
      'column-collation warning',
      'conflict-clause warning',
      'default-expression warning',
      'default-unfit warning',
      'excluded note',
      'foreign-key-collation warning',
      'foreign-key-deferred warning',
      'foreign-key-mismatch warning',
      'foreign-key-parent warning',
      'foreign-key-types warning',
      'generated-column warning',
      'hidden-key note',
      'index-collation warning',
      'index-expression warning',
      'index-generated warning',
      'index-partial warning',
      'index-partitioned warning',
      'index-redundant note',
      'index-too-wide warning',
      'key-too-many-columns warning',
      'key-too-wide warning',
      'mixed-classes warning',
      'mixed-formats note',
      'name-changed warning',
      'names-quoted note',
      'no-key blocking',
      'no-tables blocking',
      'not-null-violated warning',
      'null-key warning',
      'orphans warning',
      'partitioned note',
      'raise-ignore blocking',
      'replace-self-reference note',
      'row-too-wide warning',
      'target-refuses warning',
      'target-refuses-table blocking',
      'too-large warning',
      'too-many-columns blocking',
      'trigger warning',
      'unclean-text warning',
      'unique-collation blocking',
      'unique-expression-comparison blocking',
      'unique-expression-fails note',
      'unique-expression-over-default blocking',
      'unique-expression-over-generated blocking',
      'unique-expression-over-id blocking',
      'unique-partial-comparison blocking',
      'view warning',
      'virtual-table warning',
      'volatile-unique-default blocking',
    ]),
  );
});
