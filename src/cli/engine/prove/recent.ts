/* The comparison of what changed since the last one: small and often, so that the one inside a switch has next to nothing left. */
import type { Plan } from '../../../plan/plan.ts';
import { readVerified, record } from '../../../postgres/installed/control.ts';
import { touched } from '../../../postgres/installed/fence.ts';
import { closePair, type StatePair } from '../../../verify/rows.ts';
import { verifyMarked } from '../../../verify/verify.ts';
import type { Engine, Installed } from '../engine.ts';

/**
 * Compares every row marked since the last verification, and remembers how far everything is equal. False: the sides differ. Tables
 * that are suspended are left out: they are copied whole before they count again.
 *
 * What it remembers is written when the states are closed: the apply that holds the control row may wait for a VACUUM FULL or an ALTER
 * TABLE, which waits for whoever reads the table.
 */
export async function compareRecent({ engine, plan }: Installed, pin: () => Promise<StatePair>, signal: AbortSignal): Promise<boolean> {
  const compared = await compareMarked(engine, plan, { pair: await pin(), signal });
  if (compared === 'nothing new') return true;
  const { position, verified } = compared;
  if (verified.ok) {
    await record(engine.side, { verifiedSeq: position.seq, verifiedAt: 'now' });
    engine.alerts.over('differs', () => engine.log.info('what changed is equal again'));
    return true;
  }
  const tables = verified.tables.filter(({ differences }) => differences > 0).map(({ table }) => table);
  const { length: differences } = verified.differences;
  engine.alerts.raise('differs', tables.join(), () => engine.log.error({ differences, tables }, 'differs'));
  await record(engine.side, { fullVerifiedOk: false });
  return false;
}

/** Closes the states, whatever comes of it. */
async function compareMarked(engine: Engine, plan: Plan, { pair, signal }: { readonly pair: StatePair; readonly signal: AbortSignal }) {
  try {
    const { position } = pair.source;
    if (pair.primary === 'sqlite') await watchFence(engine, plan);
    const since = await readVerified(engine.side);
    if (position.seq === since) return 'nothing new';
    const suspended = await pair.target.suspended();
    const followed = { ...plan, tables: plan.tables.filter(({ id }) => !suspended.has(id)) };
    return { position, verified: await verifyMarked(pair, followed, pair.source.changed(since), signal) };
  } finally {
    await closePair(pair);
  }
}

/** Whoever takes the fence down writes past it: from then on both sides must be compared anew before a cutover. */
async function watchFence(engine: Engine, plan: Plan): Promise<void> {
  const tables = await touched(engine.side, plan);
  if (tables.size === 0) return engine.alerts.over('fence', () => engine.log.info('the fence in Postgres is as it has to be again'));
  const names = [...tables];
  engine.alerts.raise('fence', names.join(), () =>
    engine.log.error({ tables: names }, 'somebody has touched the fence in Postgres: run `attacca verify --repair`'),
  );
  await record(engine.side, { fullVerifiedOk: false });
}
