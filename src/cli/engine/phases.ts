/* The phase in Postgres, moved along the table of cutover/phase.ts. */

import type { PhaseStore } from '../../cutover/drive.ts';
import { type Event, next, type Phase } from '../../cutover/phase.ts';
import { advance, audit, readControl } from '../../postgres/control.ts';
import { transaction } from '../../postgres/open.ts';
import { type Engine, halt } from './engine.ts';
import { watched } from './points.ts';

/** Moves from `phase` by `event`, with a line in the timeline. `nextEpoch`: a switch begins. */
export async function moveOn(engine: Engine, phase: Phase, event: Event, nextEpoch?: bigint): Promise<void> {
  await move(engine, phase, next(phase, event), nextEpoch);
}

async function move(engine: Engine, from: Phase, to: Phase, nextEpoch?: bigint): Promise<void> {
  const { main, log } = engine;
  await transaction(main, null, async () => {
    const control = await readControl(main);
    if (control === undefined) throw halt('the control row is gone', 'somebody removed attacca from this database: see `attacca status`');
    if (control.phase === to && nextEpoch === undefined) return;
    await advance(main, { from, to, epoch: control.epoch, ...(nextEpoch === undefined ? {} : { nextEpoch }) });
    await audit(main, `${from} → ${to}`, { epoch: String(nextEpoch ?? control.epoch) });
  });
  log.info({ from, to }, 'phase changed');
}

export const phaseStore = (engine: Engine): PhaseStore => watched('phase', store(engine), engine.reached);

const store = (engine: Engine): PhaseStore => ({
  async load() {
    const control = await readControl(engine.main);
    if (control === undefined) throw halt('the control row is gone', 'somebody removed attacca from this database: see `attacca status`');
    return control.phase as Phase;
  },
  advance: (from, to) => move(engine, from, to),
});
