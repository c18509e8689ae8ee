import { expect, test } from 'vitest';
import type { Plan } from '../../src/plan/plan.ts';
import { readProgress } from '../../src/postgres/apply/chunk.ts';
import { list, put } from '../../src/postgres/apply/quarantine.ts';
import { evolveTarget } from '../../src/postgres/installed/evolve.ts';
import { unfenced } from '../../src/postgres/installed/fence.ts';
import { transaction } from '../../src/postgres/session/open.ts';
import { misfit, PLAN, WRITER, world } from './world.ts';

const [items, pairs, log] = PLAN.tables;
const planOf = (...tables: (typeof PLAN.tables)[number][]): Plan => ({ ...PLAN, tables });

test('rows in quarantine go by the name that their table has now, and go with it; one that came is fenced, and copied already [G4]', async () => {
  await using w = await world();
  await put(w.session, items!, [misfit('[1]', ['1'])]);
  await put(w.session, pairs!, [misfit('["a",2]', ['2', 'a'])]);
  await w.postgres.query(`insert into attacca.witness values ('sequence:2', '7'), ('sequence:1', '8')`);
  const evolve = (plan: Plan, statements: string[], change: { created?: typeof PLAN.tables; dropped?: number[] } = {}) =>
    transaction(w.session, WRITER, () => evolveTarget(w.session, { plan, statements, created: [], dropped: [], lines: [], ...change }));
  const waiting = async () => (await list(w.session)).map(({ tableName, key }) => [tableName, key]);

  const things = { ...items!, name: 'things', target: 'things' };
  await evolve(planOf(things, pairs!, log!), ['alter table public.items rename to things']);
  expect(await waiting()).toEqual([
    ['things', '[1]'],
    ['pairs', '["a",2]'],
  ]);

  const made = { ...pairs!, id: 9, name: 'made', target: 'made' };
  const plan = planOf(things, log!, made);
  await evolve(plan, ['drop table public.pairs', 'create table public.made (a text, b bigint, v text)'], { created: [made], dropped: [2] });
  expect(await waiting()).toEqual([['things', '[1]']]);
  expect(await w.postgres.query(`select object from attacca.witness where object like 'sequence:%'`)).toEqual([{ object: 'sequence:1' }]);
  expect([await unfenced(w.session, plan), (await readProgress(w.session)).get(9)?.done]).toEqual([[], true]);
  expect((await readProgress(w.session)).has(2)).toBe(false);
});
