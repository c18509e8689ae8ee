import { expect, test } from 'vitest';
import { ReplicationError } from '../../../../src/change/errors.ts';
import type { Installed } from '../../../../src/cli/engine/engine.ts';
import { slotGuard } from '../../../../src/cli/engine/mirror/slot-guard.ts';
import { alertsOf } from '../../../../src/cli/engine/tell/alerts.ts';
import { readControl, record } from '../../../../src/postgres/installed/control.ts';
import type { Session } from '../../../../src/postgres/session/open.ts';
import { createSlot, slotState } from '../../../../src/postgres/wal/slot.ts';
import { world } from '../../../postgres/world.ts';

const MB = 2 ** 20;
const SLOT = { active: 't', flush: null, restart: null, safe: null };

test('an alarm is said when it begins, when it becomes another, and when it is over; not at every look, nor anew by the next mirror', async () => {
  const said: string[] = [];
  const tell = (_: object, message: string): void => void said.push(message.split(':')[1]?.split(',')[0]?.trim() ?? message);
  const mirror = { warnSlotMegabytes: 1, maxSlotMegabytes: 100, whenSlotFull: 'warn' };
  const on = { engine: { config: { mirror }, log: { error: tell, info: tell }, alerts: alertsOf() } } as unknown as Installed;
  let guard = slotGuard(on, 's');
  for (const [status, retained] of [
    ['reserved', 0],
    ['extended', 10 * MB],
    ['extended', 12 * MB],
    ['unreserved', 14 * MB],
    ['unreserved', 16 * MB],
    ['reserved', 0],
    ['reserved', 0],
  ] as const) {
    const look = { rows: [{ ...SLOT, status, retained: String(retained) }] };
    await guard({ query: async () => look } as unknown as Session);
    guard = slotGuard(on, 's'); // as after each lost connection
  }
  expect(said).toEqual([
    'the mirror is behind',
    'the mirror is so far behind that Postgres gives up its slot at the next checkpoint',
    'slot alarm is over',
  ]);
});

test('a slot that could not be dropped is still known to be there: nobody else would ever drop it [G7]', async () => {
  await using w = await world();
  const slot = 'attacca_full';
  await createSlot(w.session, slot);
  await record(w.session, { slot });
  let away = true;
  const query: Session['query'] = (statement, values) => {
    const lost = away && String(statement).includes('pg_drop_replication_slot');
    return lost ? Promise.reject(new ReplicationError('retry', 'injected: away', { hint: '' })) : w.session.query(statement, values);
  };
  const config = { mirror: { warnSlotMegabytes: 0, maxSlotMegabytes: 0, whenSlotFull: 'drop' } };
  const guard = slotGuard({ engine: { config, side: { ...w.session, query }, alerts: alertsOf() } } as unknown as Installed, slot);
  await expect(guard(w.session)).rejects.toMatchObject({ disposition: 'retry' });
  expect(await readControl(w.session)).toMatchObject({ slot });
  away = false;
  await expect(guard(w.session)).rejects.toMatchObject({ disposition: 'halt', message: expect.stringContaining('given up') });
  expect([(await readControl(w.session))?.slot, (await slotState(w.session, slot)).exists]).toEqual([null, false]);
});
