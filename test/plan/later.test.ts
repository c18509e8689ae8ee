import { expect, test } from 'vitest';
import { applyPlanFile, parsePlan, printPlan } from '../../src/plan/file/file.ts';
import { laterEdits } from '../../src/plan/file/later.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { decided } from './decided.ts';

const FILE = decided(`create table p (id integer primary key, doc_json text, n int, at datetime not null); create table q (v text);
  insert into p values (1, '{}', 1, '2024-01-01 10:00:00')`);

const later = (plan: Plan, text: string) => laterEdits(plan, parsePlan(`version: 1\n${text}`));
const installed = (text: string): Plan => applyPlanFile(FILE.plan, `version: 1\n${text}`, FILE.stats);

test('the file that was installed, or that attacca has printed of it, asks for nothing new', () => {
  for (const text of [
    '',
    'tables: { p: { target: people, columns: { n: { codec: tagged, misfits: widen }, doc_json: { misfits: repair, index: gin } } } }',
    'improve: { foreignKeyIndexes: true, partition: { p.at: month } }',
  ]) {
    const plan = installed(text);
    expect(later(plan, text)).toEqual({ plan, changes: [], inVain: [] });
    expect(laterEdits(plan, parsePlan(printPlan(plan, FILE.findings)))).toEqual({ plan, changes: [], inVain: [] });
  }
});

test('what becomes of values that do not fit is followed, and nothing else of the plan changes', () => {
  const { plan, changes, inVain } = later(FILE.plan, 'tables: { p: { columns: { n: { misfits: refuse }, at: { misfits: widen } } } }');
  expect(changes).toEqual(['p.n: misfits refuse', 'p.at: misfits widen']);
  expect(inVain).toEqual([]);
  expect(plan).toEqual(installed('tables: { p: { columns: { n: { misfits: refuse }, at: { misfits: widen } } } }'));
  expect(later(plan, 'tables: { p: { columns: { n: { misfits: quarantine } } } }').changes).toEqual(['p.n: misfits quarantine']);
  expect(later(plan, '').changes).toEqual([]); // a column may have another name by now
});

test.each([
  ['schema: other', ['schema other']],
  ['exclude: [q]', ['exclude "q"']],
  ['improve: { foreignKeyIndexes: true, partition: { p.at: month } }', ['foreignKeyIndexes', '"p"."at" partition month']],
  [
    'tables: { p: { target: people, columns: { n: { target: m, codec: tagged } } } }',
    ['"p" target people', '"p"."n" target m', '"p"."n" codec tagged'],
  ],
  [
    'tables: { p: { columns: { doc_json: { misfits: repair, index: gin } } } }',
    ['"p"."doc_json" misfits repair', '"p"."doc_json" index gin'],
  ],
  ['tables: { gone: { target: x } }', []],
])('what was settled when the tables were made is named: %s', (text, expected) => {
  const { plan, inVain } = later(FILE.plan, text);
  expect(plan).toBe(FILE.plan);
  expect(inVain).toEqual(expected);
});

test('a table that is excluded, a column that became wider, and columns that are the application’s own', () => {
  expect(later({ ...FILE.plan, excluded: ['r'] }, '').inVain).toEqual(['"r", which is excluded']);
  const wider = FILE.plan.tables.map(table => ({
    ...table,
    columns: table.columns.map(column =>
      column.name === 'n' ? { ...column, codec: 'tagged', reason: 'widened from integer: …' } : column,
    ),
  }));
  const asked = 'tables: { p: { columns: { n: { codec: integer } } } }';
  expect(later({ ...FILE.plan, tables: wider }, asked).inVain).toEqual([]);
  expect(later({ ...FILE.plan, existing: true }, 'tables: { p: { columns: { n: { misfits: widen } } } }')).toMatchObject({
    changes: [],
    inVain: ['"p"."n" misfits widen'],
  });
});
