import { expect, test } from 'vitest';
import type { PgRow } from '../../src/change/change.ts';
import { comparer } from '../../src/verify/compare.ts';
import { ITEM, PAIR } from '../support/memory.ts';

const item = comparer(ITEM);
const pair = comparer(PAIR);

test.each<{ what: string; source: PgRow; target: PgRow; columns: string[] }>([
  { what: 'the same', source: ['1', 'a', '1.5'], target: ['1', 'a', '1.5'], columns: [] },
  { what: 'NULL on both sides', source: ['1', null, null], target: ['1', null, null], columns: [] },
  { what: 'NULL and an empty text', source: ['1', null, null], target: ['1', '', null], columns: ['name'] },
  { what: 'an empty text and NULL', source: ['1', '', null], target: ['1', null, null], columns: ['name'] },
  { what: 'NULL and the text null', source: ['1', 'null', null], target: ['1', null, null], columns: ['name'] },
  { what: 'NULL and zero', source: ['1', 'a', null], target: ['1', 'a', '0'], columns: ['price'] },
  { what: 'letter case', source: ['1', 'a', '1'], target: ['1', 'A', '1'], columns: ['name'] },
  { what: 'a trailing space', source: ['1', 'a', '1'], target: ['1', 'a ', '1'], columns: ['name'] },
  { what: 'composed and decomposed letters', source: ['1', '\u00e9', '1'], target: ['1', 'e\u0301', '1'], columns: ['name'] },
  { what: 'every column', source: ['1', 'a', '1'], target: ['1', 'b', '2'], columns: ['name', 'price'] },
  { what: 'text that looks like an equal number', source: ['1', '1.0', '1'], target: ['1', '1', '1'], columns: ['name'] },
])('$what', ({ source, target, columns }) => {
  const expected = columns.length === 0 ? [] : [{ table: 'item', key: '["i:1"]', kind: 'different', columns }];
  expect(item.rows([source], [target])).toEqual(expected);
});

test.each([
  ['1e+21', '1e21'],
  ['0.1', '0.10000000000000001'],
  ['100', '1e2'],
  ['1', '1.0'],
  ['5e-324', '4.94065645841247e-324'],
])('%s and %s are one REAL', (mine, printed) => {
  expect(item.rows([['1', 'a', mine]], [['1', 'a', printed]])).toEqual([]);
});

test.each([
  ['0.1', '0.10000000000000002'],
  ['9007199254740992', '9007199254740994'],
  ['0', '5e-324'],
  ['Infinity', '1.7976931348623157e308'],
  ['0', '-0'],
])('%s and %s are two REALs', (mine, printed) => {
  expect(item.rows([['1', 'a', mine]], [['1', 'a', printed]])).toMatchObject([{ kind: 'different', columns: ['price'] }]);
});

test('once Postgres has been primary, the sign of a zero in a REAL column may stand there: SQLite has none to give back', () => {
  expect(comparer(ITEM, false).rows([['1', 'a', '0']], [['1', 'a', '-0']])).toEqual([]);
});

test('an integer and a REAL of the same size are two values where the column keeps storage classes', () => {
  expect(pair.rows([['i:1', '1', 'x']], [['r:1', '1', 'x']])).toMatchObject([{ columns: ['note'] }]);
});

test('rows are matched by key, whatever their order and whatever else the target returned', () => {
  const rows: PgRow[] = [
    ['1', 'a', null],
    ['2', 'b', null],
    ['3', 'c', null],
  ];
  expect(item.rows(rows, [...rows, ['4', 'd', null]].reverse())).toEqual([]);
});

test('a key that only SQLite has is missing, and is named', () => {
  expect(item.rows([['7', 'a', null]], [['8', 'a', null]])).toEqual([{ table: 'item', key: '["i:7"]', kind: 'missing', columns: [] }]);
});

test('a key of two columns is matched as a whole, in key order', () => {
  expect(pair.rows([['t:n', '1', 'x']], [['t:n', '11', 'x']])).toEqual([
    { table: 'pair', key: '["t:x","i:1"]', kind: 'missing', columns: [] },
  ]);
  expect(
    pair.rows(
      [
        ['t:n', '1', '1'],
        ['t:n', '11', ''],
      ],
      [
        ['t:n', '11', ''],
        ['t:n', '1', '1'],
      ],
    ),
  ).toEqual([]);
});

test('what only Postgres has is extra, from its rows as from its keys', () => {
  const extra = [{ table: 'pair', key: '["t:x","i:1"]', kind: 'extra', columns: [] }];
  expect(pair.gone([['t:n', '1', 'x']])).toEqual(extra);
  expect(pair.extra([['x', '1']])).toEqual(extra);
});

test('a difference never holds a value of the row', () => {
  const found = item.rows([['1', 'secret-a', '1']], [['1', 'secret-b', '2']]);
  expect(found).toHaveLength(1);
  expect(JSON.stringify(found)).not.toContain('secret');
});
