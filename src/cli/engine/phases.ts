/* The phase in Postgres, moved along the table of cutover/phase.ts. */

import type { PhaseStore } from '../../cutover/drive.ts';
import { type Event, next, type Phase } from '../../cutover/phase.ts';
import { advance, readPhase } from '../../postgres/control.ts';
import type { Engine } from './engine.ts';
import { watched } from './points.ts';
import { announced } from './tell/announced.ts';

/** Moves from `phase` by `event`, with a line in the timeline. `nextEpoch`: a switch begins. */
export async function moveOn(engine: Engine, phase: Phase, event: Event, nextEpoch?: bigint): Promise<void> {
  const standing = await readPhase(engine.main);
  const to = next(phase, event);
  if (standing.phase === to && nextEpoch === undefined) return;
  await advance(engine.main, { from: phase, to, epoch: standing.epoch, ...(nextEpoch === undefined ? {} : { nextEpoch }) });
  engine.log.info({ from: phase, to }, 'phase changed');
}

/**
 * Phases that a crash of the server may take back: before a fence is durable all of them are settled alike, by what the side that was
 * to be closed says, and it is asked again. Whatever opens a side commits durably, and brings these to disk first.
 */
export const LAZY: ReadonlySet<Phase> = new Set(['draining', 'verifying', 'switching', 'draining_back', 'verifying_back']);

export const phaseStore = (engine: Engine): PhaseStore => watched('phase', announced(store(engine), engine), engine.reached);

/** For one switch: a look that follows an own step needs no answer from the server, since every step is a compare-and-set. */
function store({ main, log }: Engine): PhaseStore {
  let epoch: bigint | undefined;
  let stepped: Phase | undefined;
  const look = async (): Promise<Phase> => {
    const standing = await readPhase(main);
    epoch = standing.epoch;
    return standing.phase as Phase;
  };
  return {
    async load() {
      const known = stepped;
      stepped = undefined;
      return known ?? (await look());
    },
    async advance(from, to) {
      stepped = undefined;
      epoch ??= (await readPhase(main)).epoch;
      try {
        await advance(main, { from, to, epoch, lazily: LAZY.has(to) });
      } catch (error) {
        if ((await look()) !== to) throw error; // the fence of `verifying_back` commits together with its phase
      }
      stepped = to;
      log.info({ from, to }, 'phase changed');
    },
  };
}
