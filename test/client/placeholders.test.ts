import { expect, test } from 'vitest';
import { numbered, remembered } from '../../src/client/placeholders.ts';

test.each([
  ['select ?, ?', 'select $1, $2'],
  ["select '?', ?, 'it''s ?'", "select '?', $1, 'it''s ?'"],
  ['select "a?", ? from t', 'select "a?", $1 from t'],
  ['select ? -- why?\n, ?', 'select $1 -- why?\n, $2'],
  ['select /* ? */ ?', 'select /* ? */ $1'],
  ["select e'\\'?', ?", "select e'\\'?', $1"],
  ['do $$ select ? $$', 'do $$ select ? $$'],
  ['select $x$ ? $$ ? $x$, ?', 'select $x$ ? $$ ? $x$, $1'],
  ['select a[?], b=?', 'select a[$1], b=$2'],
  ["select type'?' , ?", "select type'?' , $1"],
])('%s', (sqlite, postgres) => {
  expect(numbered(sqlite)).toBe(postgres);
});

test('what is remembered is bounded', () => {
  let made = 0;
  const length = remembered(sql => {
    made++;
    return sql.length;
  }, 2);
  expect([length('a'), length('a'), length('bb'), length('ccc'), length('a')]).toEqual([1, 1, 2, 3, 1]);
  expect(made).toBe(4);
});
