import { fork } from 'node:child_process';
import { once } from 'node:events';

/** Runs `work` beside an application that tries to write all the time; gives the stretches (ms) in which it was kept waiting. */
export async function waitsDuring(path: string, work: () => Promise<unknown>): Promise<number[]> {
  const probe = fork(new URL('lock-probe.ts', import.meta.url), [path], { serialization: 'advanced' });
  await once(probe, 'message');
  await work();
  probe.send('stop');
  const [waits] = (await once(probe, 'message')) as [number[]];
  return waits;
}
