import { expect, test } from 'vitest';
import { parseTable, parseView } from '../../../src/plan/expression/create.ts';

test('what PRAGMAs do not tell of a table', () => {
  const read = parseTable(`CREATE TABLE IF NOT EXISTS main.[odd "name] ( -- a comment, with (
    'id' integer primary key on conflict replace autoincrement, a varchar(10, 2) default (1 + (2)) check (a <> ')' or "b" > 0) collate nocase,
    b unsigned big int constraint positive check (b > 0) not null on conflict ignore default -1,
    c generated always as (a || 'x') stored, d as (b + 1), e references p on delete set null deferrable initially deferred,
    f int references "q" (x) not deferrable initially deferred, g default current_timestamp
    check (g in (1, 2)), constraint uq unique (a, b) on conflict fail, foreign key (a, b) references r (x, y) on update cascade match full
    CHECK (a is not null)) WITHOUT ROWID, STRICT`);
  expect(read.checks.map(({ name, text }) => [name, text])).toEqual([
    [null, `a <> ')' or "b" > 0`],
    ['positive', 'b > 0'],
    [null, 'g in (1, 2)'],
    [null, 'a is not null'],
  ]);
  expect(read.generated).toMatchObject([
    { column: 'c', expression: { operator: '||' } },
    { column: 'd', expression: { operator: '+' } },
  ]);
  expect(read.foreignKeys).toEqual([
    { columns: ['e'], deferred: true },
    { columns: ['f'], deferred: false },
    { columns: ['a', 'b'], deferred: false },
  ]);
});

test('a view with names for its columns', () => {
  expect(parseView('create view v (x, y) as select 1, 2 -- end').columns).toEqual(['x', 'y']);
});
