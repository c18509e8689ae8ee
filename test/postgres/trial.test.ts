import { expect, test } from 'vitest';
import { onTarget } from '../../src/cli/engine/decide/bootstrap.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { addForeignKeys, buildIndexes } from '../../src/postgres/installed/constraints.ts';
import { plannedObjects, readObjects } from '../../src/postgres/installed/objects.ts';
import { makeAll, tryPlan } from '../../src/postgres/installed/trial.ts';
import { connect } from '../../src/postgres/session/open.ts';
import { compareObjects } from '../../src/verify/objects.ts';
import { testPostgres } from '../support/postgres.ts';
import { item, PLAN, world } from './world.ts';

const view = (name: string, sql: string) => ({ name, target: name, columns: ['n'], sql });

/** What a translation that Postgres understands otherwise would lead to. */
const WRONG: Plan = {
  ...PLAN,
  tables: PLAN.tables.map(table =>
    table.name === 'items'
      ? {
          ...table,
          checks: [
            { name: 'named', sql: `name <> ''` },
            { name: 'odd', sql: 'ok = 1' },
          ],
          expressionIndexes: [
            { name: 'by_length', source: 'by_length', unique: false, terms: ['(length(name))'], where: null },
            { name: 'by_now', source: 'by_now', unique: false, terms: ['(now())'], where: null },
          ],
        }
      : table,
  ),
  views: [
    view('fine', 'select id from public.items'),
    view('wrong', 'select nothing from public.items'),
    view('above', 'select n from public.wrong'),
  ],
};
const REFUSED = ['expression index by_now', 'CHECK odd', 'view wrong', 'view above'];

test('a trial on the target names what the server refuses, leaves it out, and leaves nothing behind [G4]', async () => {
  await using postgres = await testPostgres();
  await using session = await connect(postgres.url, { applicationName: 'attacca test' });
  const refused = await tryPlan(session, WRONG);
  expect(refused.map(({ kind, name }) => `${kind} ${name}`)).toEqual(REFUSED);
  expect(refused.map(({ reason }) => reason).join(' ')).toMatch(
    /must be marked IMMUTABLE.*operator does not exist.*"nothing" does not exist/,
  );
  expect(await postgres.query(`select relname from pg_class where relnamespace = 'public'::regnamespace`)).toEqual([]);

  const { plan, findings } = await onTarget(session, { plan: WRONG });
  expect(findings).toMatchObject(REFUSED.map(() => ({ code: 'target-refuses', level: 'warning' })));
  expect(await tryPlan(session, plan)).toEqual([]);
  expect(plan.views?.map(({ name }) => name)).toEqual(['fine']);
});

test('a server that is only busy has refused nothing: the trial fails, and is made again [G7]', async () => {
  await using postgres = await testPostgres();
  await using session = await connect(postgres.url, { applicationName: 'attacca test' });
  await session.query('begin');
  await session.query(`set local statement_timeout = 1`);
  const slow = { kind: 'table', table: 't', name: 't', text: 'select pg_sleep(60)' } as const;
  await expect(makeAll(session, [[slow]])).rejects.toMatchObject({ disposition: 'retry' });
});

test('a table that the server cannot have blocks; one that is there already is not tried', async () => {
  await using postgres = await testPostgres();
  await using session = await connect(postgres.url, { applicationName: 'attacca test' });
  const [items, ...others] = PLAN.tables;
  const twice = { ...PLAN, tables: [items!, ...others.map(table => (table.name === 'log' ? { ...table, target: 'items' } : table))] };
  const { findings } = await onTarget(session, { plan: twice });
  expect(findings[0]).toMatchObject({ code: 'target-refuses-table', level: 'blocking', table: 'log' });
  await postgres.query('create table pairs (somebody text)');
  expect((await onTarget(session, { plan: twice })).findings).toEqual([]);
});

test('constraints and views that are refused at a cutover are named, and do not keep it from going on', async () => {
  await using w = await world();
  const named: string[] = [];
  await addForeignKeys(w.session, WRONG, ({ kind, name }) => named.push(`${kind} ${name}`));
  expect(named).toEqual(REFUSED.slice(1));
  const tables = WRONG.tables.map(table => ({ ...table, expressionIndexes: table.expressionIndexes?.slice(0, 1) ?? [] }));
  const plan = { ...WRONG, tables };
  await w.apply(5, [{ rows: [item(1, 'twice'), item(2, 'twice')] }]); // which an empty table would not refuse
  await buildIndexes(w.session, plan, () => undefined);
  const amiss = async () => compareObjects(await plannedObjects(w.session, plan), await readObjects(w.session, plan));
  expect(await amiss(), 'what was refused is missed by nobody').toEqual([]);
  await w.apply(6, [{ rows: [item(2, 'once')] }]);
  await buildIndexes(w.session, plan, () => undefined);
  await w.postgres.query('drop index items_u');
  expect(await amiss(), 'until it was made after all').toMatchObject([{ kind: 'index', name: 'items_u', problem: 'missing' }]);
  await buildIndexes(w.session, plan, () => undefined);
  await w.postgres.query(`update pg_index set indisvalid = false where indexrelid = 'public.by_length'::regclass`);
  await buildIndexes(w.session, plan, () => undefined);
  expect(await amiss(), 'nor is one that Postgres does not use').toMatchObject([{ kind: 'index', name: 'by_length', problem: 'invalid' }]);
});
