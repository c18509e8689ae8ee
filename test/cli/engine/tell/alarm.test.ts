import { expect, test } from 'vitest';
import { tag } from '../../../../src/change/value.ts';
import { alarm } from '../../../../src/cli/engine/tell/alarm.ts';
import { alertsOf } from '../../../../src/cli/engine/tell/alerts.ts';
import { decided } from '../../../plan/decided.ts';

test('the command that makes room can be typed as it is', () => {
  const { plan, table } = decided('create table "order items" (id integer primary key, n int); insert into "order items" values (1, 1)');
  const facts: object[] = [];
  const row = { key: '["i:2"]', target: ['2'], column: 'n', reason: 'not an integer', raw: tag('two') };
  alarm({ log: { error: fact => facts.push(fact) }, alerts: alertsOf() }, plan)(table('order items'), [row]);
  expect(facts).toMatchObject([{ rows: 1, proposal: "n as tagged: attacca plan --widen --table 'order items'" }]);
});

test('a writer of what does not fit does not fill the log: a line for each column, then one a minute with the sum', () => {
  const { plan, table } = decided('create table t (id integer primary key, n int, m int); insert into t values (1, 1, 1)');
  const facts: object[] = [];
  let now = 0;
  const alerts = alertsOf(() => now);
  const row = (column: string) => ({ key: '["i:2"]', target: ['2'], column, reason: 'not an integer', raw: tag('two') });
  for (; now < 90_000; now += 10_000) alarm({ log: { error: fact => facts.push(fact) }, alerts }, plan)(table('t'), [row('n'), row('n')]);
  alarm({ log: { error: fact => facts.push(fact) }, alerts }, plan)(table('t'), [row('m')]);
  expect(facts).toMatchObject([
    { column: 'n', rows: 2 },
    { column: 'n', rows: 12 },
    { column: 'm', rows: 1 },
  ]);
});
