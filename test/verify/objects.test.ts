import { expect, test } from 'vitest';
import { movedSequences } from '../../src/verify/objects.ts';

test('while SQLite is primary nobody draws numbers; while Postgres is, none goes back behind where it was left [G10]', () => {
  const sequence = (last: bigint | null, left: bigint | null) => ({ table: 't', column: 'id', last, left });
  const moved = (last: bigint | null, left: bigint | null) =>
    [true, false].map(shadowing => movedSequences([sequence(last, left)], shadowing).length);
  expect(moved(7n, 7n)).toEqual([0, 0]);
  expect(moved(8n, 7n)).toEqual([1, 0]);
  expect(moved(6n, 7n)).toEqual([1, 1]);
  expect(moved(null, null)).toEqual([0, 0]);
  expect(moved(1n, null)).toEqual([1, 0]);
  expect(moved(null, 1n)).toEqual([1, 1]);
});
