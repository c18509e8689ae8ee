/* Rows that do not fit the target: listed, tried again, or given up. */
import { Refused } from '../../../change/errors.ts';
import { namedValues } from '../../../plan/codec.ts';
import { suspensions } from '../../../postgres/apply/policy.ts';
import { drop, list } from '../../../postgres/apply/quarantine.ts';
import type { QuarantineDocument } from '../../../server/documents.ts';
import { mark, markTables } from '../../../sqlite/capture/marking.ts';
import { openSource } from '../../../sqlite/open.ts';
import { writeTransaction } from '../../../sqlite/transaction.ts';
import type { Controller } from '../controller.ts';
import { installed } from '../engine.ts';
import { renewLengths } from '../lengths.ts';

const MARK_WAIT_MS = 30_000;
/** Rows of quarantine that a document holds at most; `retry` and `drop` see all of them. */
const LISTED = 1_000;

/** What `attacca quarantine` asks for; without `ids` all rows. */
export async function quarantine(
  controller: Controller,
  action: 'list' | 'retry' | 'drop',
  ids: readonly string[],
): Promise<QuarantineDocument> {
  const { engine } = controller;
  if (action === 'retry') await renewLengths(controller);
  const on = await installed(engine);
  const all = action === 'list' ? [] : await list(engine.side);
  const known = new Set(all.map(row => String(row.id)));
  const unknown = ids.find(id => action !== 'list' && !known.has(id));
  if (unknown !== undefined) throw noSuchRow(unknown);
  const wanted = ids.length === 0 ? all : all.filter(row => ids.includes(String(row.id)));
  let changed = 0;
  const wantedIds = wanted.map(row => row.id);
  if (action === 'drop') changed = await drop(engine.side, wantedIds);
  if (action === 'retry') {
    const whole = [...(await suspensions(engine.side)).keys()].filter(id => ids.length === 0 || wanted.some(row => row.table === id));
    using db = openSource(engine.config.source);
    const named = wanted.flatMap(row => {
      const table = on.plan.tables.find(({ id }) => id === row.table);
      return table === undefined ? [] : [{ table, key: namedValues(row.key) }];
    });
    await mark(db, MARK_WAIT_MS, named);
    // What is suspended has missed more than these rows.
    if (whole.length > 0) await writeTransaction(db, MARK_WAIT_MS, () => markTables(db, whole));
    changed = wanted.length;
    await controller.caughtUp(); // the marks are applied then
  }
  const rows = await list(engine.side, LISTED);
  return {
    rows: rows.map(({ id, tableName, key, column, reason, at }) => ({ id: String(id), table: tableName, key, column, reason, at })),
    changed,
  };
}

const noSuchRow = (id: string): Refused =>
  new Refused(`quarantine has no row ${id}`, [
    { code: 'no-such-row', reason: `there is no row ${id} in quarantine`, remedy: 'ids are in `attacca quarantine list`' },
  ]);
