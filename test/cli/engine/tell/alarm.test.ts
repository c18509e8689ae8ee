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
  expect(facts).toMatchObject([{ proposal: "n as tagged: attacca plan --widen --table 'order items'" }]);
});
