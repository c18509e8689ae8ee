/* The phase in Postgres, moved along the table of cutover/phase.ts. */

import type { PhaseStore } from '../../cutover/drive.ts';
import { type Event, next, type Phase } from '../../cutover/phase.ts';
import { advance, readPhase } from '../../postgres/control.ts';
import type { Engine } from './engine.ts';
import { watched } from './points.ts';

/** Moves from `phase` by `event`, with a line in the timeline. `nextEpoch`: a switch begins. */
export async function moveOn(engine: Engine, phase: Phase, event: Event, nextEpoch?: bigint): Promise<void> {
  await move(engine, phase, next(phase, event), nextEpoch);
}

async function move(engine: Engine, from: Phase, to: Phase, nextEpoch?: bigint): Promise<void> {
  const standing = await readPhase(engine.main);
  if (standing.phase === to && nextEpoch === undefined) return;
  await advance(engine.main, { from, to, epoch: standing.epoch, ...(nextEpoch === undefined ? {} : { nextEpoch }) });
  engine.log.info({ from, to }, 'phase changed');
}

export const phaseStore = (engine: Engine): PhaseStore => watched('phase', store(engine), engine.reached);

const store = (engine: Engine): PhaseStore => ({
  load: async () => (await readPhase(engine.main)).phase as Phase,
  advance: (from, to) => move(engine, from, to),
});
