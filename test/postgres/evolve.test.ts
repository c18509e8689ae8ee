import { expect, test } from 'vitest';
import { quote } from '../../src/change/quote.ts';
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
  const evolve = (plan: Plan, statements: string[], change: { created?: typeof PLAN.tables; dropped?: typeof PLAN.tables } = {}) =>
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
  await evolve(plan, ['drop table public.pairs', 'create table public.made (a text, b bigint, v text)'], {
    created: [made],
    dropped: [pairs!],
  });
  expect(await waiting()).toEqual([['things', '[1]']]);
  expect(await w.postgres.query(`select object from attacca.witness where object like 'sequence:%'`)).toEqual([{ object: 'sequence:1' }]);
  expect([await unfenced(w.session, plan), (await readProgress(w.session)).get(9)?.done]).toEqual([[], true]);
  expect((await readProgress(w.session)).has(2)).toBe(false);
});

test('what somebody has granted on a table holds for the one that takes its place; what nobody has, for nobody', async () => {
  await using w = await world();
  const [all, some] = [`attacca_all_${process.pid}`, `attacca_"some"_${process.pid}`];
  await w.postgres.query(`create role ${all}; create role ${quote(some)};
    grant select, update on public.pairs to ${all} with grant option; grant select (a, v), update (b) on public.pairs to ${quote(some)};
    grant select on public.pairs to public`);
  const granted = () =>
    w.postgres.query(`select x.grantee::regrole::text as who, a.attname as col, x.privilege_type as what, x.is_grantable as on
      from pg_class c cross join lateral (select null::name as attname, c.relacl as acl
        union all select attname, attacl from pg_attribute where attrelid = c.oid) a cross join lateral aclexplode(a.acl) x
      where c.oid = 'public.pairs'::regclass and x.grantee <> c.relowner order by 1, 2, 3`);
  try {
    const before = await granted();
    const { b: _, ...kept } = Object.fromEntries(pairs!.columns.map(column => [column.target, column]));
    const after = { ...pairs!, columns: Object.values(kept) };
    const statements = ['drop table public.pairs', 'create table public.pairs (v text, a text)'];
    await transaction(w.session, WRITER, () =>
      evolveTarget(w.session, { plan: planOf(items!, after, log!), statements, created: [after], dropped: [pairs!], lines: [] }),
    );
    expect(before).toHaveLength(6);
    expect(await granted()).toEqual(before.filter(({ col }) => col !== 'b'));
  } finally {
    await w.postgres.query(`drop owned by ${all}, ${quote(some)}; drop role ${all}, ${quote(some)}`);
  }
});
