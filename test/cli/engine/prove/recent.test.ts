import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Installed } from '../../../../src/cli/engine/engine.ts';
import { compareRecent } from '../../../../src/cli/engine/prove/recent.ts';
import { alertsOf } from '../../../../src/cli/engine/tell/alerts.ts';
import { readVerified } from '../../../../src/postgres/installed/control.ts';
import type { Session } from '../../../../src/postgres/session/open.ts';
import type { StatePair } from '../../../../src/verify/rows.ts';
import { PLAN, world } from '../../../postgres/world.ts';

test('what was compared is recorded when the states are closed: the apply that has the control row may wait for a VACUUM FULL, and that for a state', async () => {
  await using w = await world();
  const order: string[] = [];
  const query: Session['query'] = (statement, values) => {
    if (JSON.stringify(statement).includes('update attacca.control')) order.push('recorded');
    return w.session.query(statement, values);
  };
  const pair = {
    source: { position: { seq: 5n, nonce: 0n }, changed: () => ({ slices: () => [] }), close: () => order.push('source closed') },
    target: { suspended: async () => new Set(), close: async () => void order.push('target closed') },
    primary: 'postgres',
  } as unknown as StatePair;
  const engine = { side: { ...w.session, query }, alerts: alertsOf(), log: pino({ enabled: false }) };
  const on = { engine, plan: { ...PLAN, tables: [] } } as unknown as Installed;
  expect(await compareRecent(on, async () => pair, new AbortController().signal)).toBe(true);
  expect(order.toSorted()).toEqual(['recorded', 'source closed', 'target closed']);
  expect(order.at(-1)).toBe('recorded');
  expect(await readVerified(w.session)).toBe(5n);
});
