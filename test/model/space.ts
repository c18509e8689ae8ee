/* The spaces that are walked: each whole, within these bounds. */
import { EFFECTS } from './effects.ts';
import { type Explored, explore } from './explore.ts';
import type { Bounds } from './guards.ts';
import { type App, START, type State } from './state.ts';
import { type Mutation, modelOf } from './steps.ts';
import { forest } from './tree.ts';

const ONE: Bounds = { faults: 0, switches: 1, seconds: 0, writes: [1, 0, 0] };

/** For every run of the tests. */
export const SMALL: readonly Bounds[] = [
  { faults: 0, switches: 2, seconds: 0, writes: [1, 0, 1] },
  { faults: 1, switches: 1, seconds: 0, writes: [1, 1, 1] },
  { faults: 2, switches: 2, seconds: 0, writes: [1, 0, 0] },
  { faults: 1, switches: 2, seconds: 1, writes: [0, 0, 0] },
];

/** For `npm run test:model`. */
export const LARGE: readonly Bounds[] = [
  ...SMALL,
  { faults: 0, switches: 2, seconds: 0, writes: [1, 1, 1] },
  { faults: 1, switches: 2, seconds: 0, writes: [1, 0, 1] },
  { faults: 1, switches: 2, seconds: 0, writes: [1, 1, 0] },
  { faults: 1, switches: 2, seconds: 1, writes: [1, 0, 0] },
  { faults: 3, switches: 2, seconds: 0, writes: [0, 0, 0] },
  { faults: 2, switches: 2, seconds: 1, writes: [0, 0, 0] },
  { faults: 1, switches: 3, seconds: 0, writes: [1, 0, 0] },
  { faults: 3, switches: 2, seconds: 0, writes: [1, 0, 0] },
  { faults: 2, switches: 2, seconds: 0, writes: [1, 0, 1] },
  { faults: 1, switches: 2, seconds: 0, writes: [1, 1, 1] },
];

export const named = ({ faults, switches, seconds, writes: [obedient, slow, disobedient] }: Bounds): string =>
  `${switches} switches, ${faults} faults, ${seconds} second processes, writes ${obedient} obedient ${slow} slow ${disobedient} disobedient`;

/** Walks it. The slow instance has read the flag long ago. */
export function walk(bounds: Partial<Bounds>, without: Mutation = {}, limit?: number): Promise<Explored> {
  const { faults, switches, seconds, writes } = { ...ONE, ...bounds };
  const app: App = { side: '', open: false, id: 0, written: 0 };
  const start: State = { ...START, apps: [app, { ...app, side: 'sqlite' }, app], faults, switches, seconds };
  return explore(modelOf(forest(), EFFECTS, writes, without), start, limit);
}
