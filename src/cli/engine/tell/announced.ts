import type { PhaseStore } from '../../../cutover/drive.ts';
import { type Phase, primaryIn } from '../../../cutover/phase.ts';
import { readPhase } from '../../../postgres/installed/control.ts';
import type { Session } from '../../../postgres/session/open.ts';
import type { Hooks } from './hooking.ts';

type Telling = { readonly hooks: Hooks; readonly side: Session };

const MOMENTS: Readonly<Partial<Record<`${Phase} ${Phase}`, 'after-fence' | 'after-switch' | 'after-rollback'>>> = {
  'verifying switching': 'after-fence',
  'verifying_back switching_back': 'after-fence',
  'switching mirroring': 'after-switch',
  'switching_back shadowing': 'after-rollback',
};

/** A phase store that starts the hooks of a step once it is made, also where a restart makes it. Nothing waits for them. */
export const announced = (store: PhaseStore, { hooks, side }: Telling): PhaseStore => ({
  load: () => store.load(),
  async advance(from, to) {
    await store.advance(from, to);
    announce({ hooks, side }, from, to);
  },
  async step(from, to) {
    await store.step(from, to);
    announce({ hooks, side }, from, to);
  },
});

function announce({ hooks, side }: Telling, from: Phase, to: Phase): void {
  const point = MOMENTS[`${from} ${to}`];
  if (point !== undefined && hooks.any(point)) hooks.after(point, factsOf(side, from, to));
}

async function factsOf(side: Session, from: Phase, to: Phase) {
  const { epoch } = await readPhase(side);
  const direction = from.endsWith('_back') ? 'rollback' : 'cutover';
  return { direction, phase: to, primary: primaryIn(to), epoch: String(epoch) };
}
