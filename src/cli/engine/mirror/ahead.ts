/* DDL in Postgres while the mirror follows it: goes on where it can, says what a rollback would lose, halts where it cannot go on. */
import type { Blocker } from '../../../change/errors.ts';
import type { Session } from '../../../postgres/session/open.ts';
import { type Ahead, ahead, copied, readCatalog, rememberCatalog, rememberedCatalog } from '../../../postgres/wal/ahead.ts';
import { markTables } from '../../../sqlite/capture/marking.ts';
import { openSource } from '../../../sqlite/open.ts';
import { writeTransaction } from '../../../sqlite/transaction.ts';
import { halt, type Installed } from '../engine.ts';
import { watchLengths } from '../lengths.ts';
import { streamOf } from '../stream-names.ts';
import type { FenceWatch } from './fence-watch.ts';

const LOCK_WAIT_MS = 5_000;
const UNDO =
  'undo that, then start `attacca sync` again, with `attacca resync` before it where values were lost; or give up the way back with `attacca finish`';

/** A look at the tables of Postgres, to be taken every second. Throws ReplicationError 'halt' where the mirror cannot go on, SourceMoved where by another plan. */
export function watchCatalog(on: Installed, ours: FenceWatch['ours']): (session: Session) => Promise<void> {
  const { engine, plan } = on;
  let told = '';
  return async session => {
    await watchLengths(on);
    const now = await readCatalog(session, plan, streamOf(on).publication);
    const before = await rememberedCatalog(session);
    if (before === undefined) return await rememberCatalog(session, now);
    const found = ahead(before, now, plan);
    if (found.broken.length > 0) throw halt(`Postgres no longer has ${found.broken.join(', ')} as SQLite has it`, UNDO);
    const news = [...found.newTables, ...found.newColumns].join(', ');
    if (news !== told && news !== '')
      engine.log.error({ new: news }, 'Postgres has what SQLite has not: it is not mirrored, and a rollback is refused');
    told = news;
    if (found.rewritten.length === 0) return;
    await ours(() => markWhole(on, found));
    const files = Object.fromEntries(
      found.rewritten.map(name => [name, { columns: before.tables[name]?.columns ?? {}, file: now.tables[name]?.file ?? '' }]),
    );
    await rememberCatalog(session, { ...before, tables: { ...before.tables, ...files } });
    engine.log.warn(
      { tables: found.rewritten },
      'tables were rewritten in Postgres, or changed in their columns or publication: they are compared whole',
    );
  };
}

async function markWhole({ engine, plan }: Installed, { rewritten }: Ahead): Promise<void> {
  const ids = plan.tables.filter(({ target }) => rewritten.includes(target)).map(({ id }) => id);
  using db = openSource(engine.config.source);
  await writeTransaction(db, LOCK_WAIT_MS, () => markTables(db, ids));
}

/** What a rollback would lose, since SQLite has no place for it. */
export async function aheadOf(on: Installed): Promise<Blocker[]> {
  const { engine, plan } = on;
  const before = await rememberedCatalog(engine.side);
  if (before === undefined) return [];
  const { newTables, newColumns, broken } = ahead(before, await readCatalog(engine.side, plan, streamOf(on).publication), plan);
  const block = (code: string, names: readonly string[], what: string): Blocker[] =>
    names.length === 0
      ? []
      : [{ code, reason: `${what}: ${names.join(', ')}`, remedy: 'drop it in Postgres, or stay there with `attacca finish`' }];
  return [
    ...block('new-tables', newTables, 'Postgres has tables that SQLite has not, and their rows would be lost'),
    ...block('new-columns', newColumns, 'Postgres has columns that SQLite has not, and their values would be lost'),
    ...broken.map(name => ({ code: 'schema', reason: `Postgres no longer has ${name} as SQLite has it`, remedy: UNDO })),
  ];
}

/** From here on the mirror follows these tables. */
export const beginCatalog = async (on: Installed): Promise<void> =>
  await rememberCatalog(on.engine.side, await readCatalog(on.engine.side, on.plan, streamOf(on).publication));

/** The same where the tables that it followed are copied anew. */
export async function renewCatalog({ engine, plan, install }: Installed): Promise<void> {
  const now = await readCatalog(engine.side, plan, streamOf({ install }).publication);
  const before = await rememberedCatalog(engine.side);
  await rememberCatalog(engine.side, before === undefined ? now : copied(before, now));
}
