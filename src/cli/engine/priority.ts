import { constants, setPriority } from 'node:os';

/** Whoever else wants the core goes first, the application's writers above all. On Linux a thread has a priority of its own. */
export function giveWay(): void {
  if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
}
