import { expect, test } from 'vitest';
import type { RowChange } from '../../src/change/change.ts';
import { keepLost } from '../../src/postgres/wal/lost.ts';
import { PLAN, reverse, thing } from './reverse.ts';

async function* these(...changes: RowChange[]): AsyncGenerator<RowChange> {
  yield* changes;
}

test('what is lost is kept once, also where an attempt before died after it; what fails half-way keeps nothing [G2]', async () => {
  await using world = await reverse();
  const { pg, session } = world;
  const kept = () => pg.query('select epoch, table_name, op, "row" ->> \'id\' as id from attacca.lost_change l order by l.id');
  const lost = [thing(1, 'a'), thing(2, 'b'), { op: 'truncate', tables: [2, 99] }] as const;
  for (const _ of [1, 2])
    expect(await keepLost(session, PLAN, 5n, these(...lost))).toEqual({ Things: { insert: 2 }, pairs: { truncate: 1 } });
  const rows = [
    { epoch: '5', table_name: 'Things', op: 'insert', id: '1' },
    { epoch: '5', table_name: 'Things', op: 'insert', id: '2' },
    { epoch: '5', table_name: 'pairs', op: 'truncate', id: null },
  ];
  expect(await kept()).toEqual(rows);
  async function* breaking() {
    for (let id = 1; id <= 600; id++) yield thing(id, null);
    throw new RangeError('the stream broke');
  }
  await expect(keepLost(session, PLAN, 5n, breaking())).rejects.toThrow();
  expect(await kept()).toEqual(rows);
  await keepLost(session, PLAN, 7n, these(thing(3, 'c')));
  expect(await kept(), 'of an earlier time too').toEqual([...rows, { epoch: '7', table_name: 'Things', op: 'insert', id: '3' }]);
});
