import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Seq } from '../../src/change/change.ts';
import { readRound, saveRound } from '../../src/postgres/compare/round.ts';
import { PLAN, world } from './world.ts';

test('an interrupted comparison is gone on with only by the same plan and epoch, and with digests of the same form', async () => {
  await using w = await world();
  const of = { plan: PLAN, epoch: 0n };
  const round = { start: 7n as Seq, startedAt: new Date().toISOString(), places: new Map([[1, { rows: 5 }]]) };
  await saveRound(w.session, of, round);
  expect(await readRound(w.session, of)).toEqual(round);
  expect(await readRound(w.session, { ...of, epoch: 1n })).toBeUndefined();
  expect(await readRound(w.session, { ...of, plan: { ...PLAN, tables: [] } })).toBeUndefined();
  await saveRound(w.session, of, { ...round, startedAt: new Date(Date.now() - 25 * 3_600_000).toISOString() });
  expect(await readRound(w.session, of), 'of yesterday').toBeUndefined();
  await saveRound(w.session, of, round);
  // The first versions told rounds apart by the plan alone, and had digests of another form.
  await w.session.query('update attacca.round set plan = $1', [hash('sha256', JSON.stringify(PLAN))]);
  expect(await readRound(w.session, of)).toBeUndefined();
});
