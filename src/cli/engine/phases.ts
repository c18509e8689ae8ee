/* The phase in Postgres, moved along the table of cutover/phase.ts. */
import type { PhaseStore } from '../../cutover/drive.ts';
import { type Event, next, type Phase } from '../../cutover/phase.ts';
import { advance, movedOn, readPhase } from '../../postgres/installed/control.ts';
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
 * to be closed says, and it is asked again. Whatever opens a side commits durably, and brings these to disk first. Nor are they waited
 * for: what comes next on the session comes behind them, and what closes or opens a side fails unless it finds the phase in its place.
 */
export const LAZY: ReadonlySet<Phase> = new Set(['draining', 'verifying', 'switching', 'draining_back', 'verifying_back']);

export const phaseStore = (engine: Engine): PhaseStore => watched('phase', announced(store(engine), engine), engine.reached);

/**
 * For one switch: a look that follows an own step needs no answer from the server, since every step is a compare-and-set. Postgres's
 * fence commits together with its phase: that is only looked at.
 */
function store({ main, log }: Engine): PhaseStore {
  let epoch: bigint | undefined;
  let stepped: Phase | undefined;
  const look = async (): Promise<Phase> => {
    const standing = await readPhase(main);
    epoch = standing.epoch;
    return standing.phase as Phase;
  };
  const move = (from: Phase, to: Phase, at: bigint): Promise<void> => advance(main, { from, to, epoch: at, lazily: LAZY.has(to) });
  const stand = (from: Phase, to: Phase): void => {
    stepped = to;
    log.info({ from, to }, 'phase changed');
  };
  const surely = async (from: Phase, to: Phase): Promise<void> => {
    stepped = undefined;
    const at = epoch ?? (await readPhase(main)).epoch;
    if (to === 'switching_back') {
      if ((await look()) !== to) throw movedOn(from, at);
    } else {
      await move(from, to, at).catch(async error => {
        if ((await look()) !== to) throw error;
      });
    }
    stand(from, to);
  };
  return {
    async load() {
      const known = stepped;
      stepped = undefined;
      return known ?? (await look());
    },
    advance: surely,
    async step(from, to) {
      if (!LAZY.has(to) || epoch === undefined) return await surely(from, to);
      move(from, to, epoch).catch(error => log.warn({ err: error, from, to }, 'the phase could not be stored'));
      stand(from, to);
    },
  };
}
