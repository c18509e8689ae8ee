/* Makes columns wider whose values no longer fit, while SQLite is primary; their tables are copied anew in one transaction. */
import { Refused } from '../../change/errors.ts';
import { widen } from '../../plan/widen.ts';
import { audit } from '../../postgres/audit.ts';
import { list } from '../../postgres/quarantine.ts';
import type { DoneDocument } from '../../server/documents.ts';
import type { Progress } from '../../server/operations.ts';
import { look } from '../../sqlite/adopt.ts';
import { openSource } from '../../sqlite/open.ts';
import type { Controller } from './controller.ts';
import { disposable } from './disposable.ts';
import { installed } from './engine.ts';
import { followEvolution, statsOf } from './following.ts';
import { chosen } from './resync.ts';

/** Without `names`: every table that has rows in quarantine. Throws Refused where the plan cannot be changed now. */
export async function widenTables(controller: Controller, names: readonly string[], progress: Progress): Promise<DoneDocument> {
  const { engine } = controller;
  const on = await installed(engine);
  const { phase } = on.control;
  if (phase !== 'shadowing') throw refused('phase', `the phase is ${phase}`, 'columns are widened while SQLite is primary and copied');
  if (on.plan.existing)
    throw refused('existing-target', "the tables in Postgres are the application's", 'widen the column in its migrations, then resync');
  const waiting = await list(engine.side, { limit: Number.MAX_SAFE_INTEGER });
  const ids = new Set(names.length === 0 ? waiting.map(({ table }) => table) : chosen(on, names).map(({ id }) => id));
  using db = disposable(openSource(engine.config.source));
  const seen = look(db.database, on.plan);
  if (seen.health.state !== 'fine') throw refused('drifted', 'the schema of the SQLite file is just changing', 'try again');
  const evolution = widen(on.plan, ids, seen.schema, statsOf(db.database, seen.schema));
  const columns = evolution.plan.tables.flatMap(table =>
    table.columns.flatMap((column, place) => {
      const before = on.plan.tables.find(({ id }) => id === table.id)?.columns[place];
      return before === undefined || before.codec === column.codec
        ? []
        : [`${table.name}.${column.name}: ${before.codec} → ${column.codec}`];
    }),
  );
  if (columns.length === 0) return { done: 'widen', detail: 'every stored value fits its column: nothing to widen' };
  progress(`copying ${evolution.whole.length} tables again`);
  await followEvolution(on, db.database, seen, evolution, new AbortController().signal);
  await audit(engine.side, 'widened', { columns });
  return { done: 'widen', detail: columns.join('; ') };
}

const refused = (code: string, reason: string, remedy: string): Refused => new Refused('widening refused', [{ code, reason, remedy }]);
