/* The schedule of kills: a pure function of a seed, and how one of them is carried out. */
import { setTimeout as delay } from 'node:timers/promises';
import { numbersFrom } from '../support/random.ts';
import type { Daemon } from '../support/world.ts';
import { BULK, COPYING, CUTOVER, MIRRORING, ROLLBACK, SHADOWING } from './points.ts';
import type { Town } from './town.ts';

export type Act = {
  readonly phase: 'copying' | 'catching up' | 'shadowing' | 'cutover' | 'mirroring' | 'rollback';
  /** Where it kills itself; undefined: it is killed after `afterMs`. */
  readonly point: string | undefined;
  /** It is killed then at the latest. */
  readonly afterMs: number;
  /** A transaction of some thousand rows comes just before. */
  readonly bulk: boolean;
  /** Where the schedule wants the migration to be when this is over. */
  readonly leaves: 'shadowing' | 'mirroring';
};

/** Kills in each round: the tables copied anew, a long time of shadowing, there and back again. */
export function planned(count: number, seed: number): Act[] {
  const below = random(seed);
  const one = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const any = (most: number): string => `*#${1 + below(most)}`;
  const act = (
    phase: Act['phase'],
    point: string | undefined,
    afterMs: number,
    leaves: Act['leaves'] = 'shadowing',
    bulk = false,
  ): Act => ({
    phase,
    point,
    afterMs,
    bulk,
    leaves,
  });
  const acts: Act[] = [];
  for (let round = 0; acts.length < count; round++) {
    for (let i = 0; i < 4; i++)
      acts.push(act('copying', below(3) === 0 ? any(120) : one(COPYING), below(4) === 0 ? 300 + below(900) : 5_000));
    for (let i = 0; i < 4; i++) acts.push(act('catching up', any(40), 3_000));
    for (let i = 0; i < 25; i++) {
      const kind = below(6);
      if (kind === 0) acts.push(act('shadowing', one(BULK), 3_000, 'shadowing', true));
      else if (kind === 1) acts.push(act('shadowing', undefined, below(800)));
      else acts.push(act('shadowing', kind === 2 ? any(300) : one(SHADOWING), 3_000));
    }
    acts.push(act('cutover', CUTOVER[round % CUTOVER.length]![0], 20_000, 'mirroring'));
    acts.push(act('mirroring', MIRRORING[round % MIRRORING.length]![0], 3_000, 'mirroring'));
    acts.push(act('mirroring', below(2) === 0 ? undefined : any(40), below(1_500), 'mirroring'));
    acts.push(act('rollback', ROLLBACK[round % ROLLBACK.length]![0], 20_000));
  }
  return acts.slice(0, count);
}

/** What the daemon must have been told at its start, so that it can be killed by `act` later. */
export const spoken = (act: Act | undefined): string | undefined =>
  act?.point === undefined || act.phase === 'copying' || act.phase === 'catching up' ? undefined : `~${act.point}`;

/** Kills the daemon that runs, or one that is started for it; says where it died. */
export async function perform(town: Town, running: Daemon, act: Act): Promise<string> {
  if (act.phase === 'copying' || act.phase === 'catching up') {
    if (act.phase === 'copying') await town.ran('uninstall', '--yes');
    else running.process.kill('SIGTERM');
    await running.exited;
    await delay(act.phase === 'copying' ? 0 : 300); // a backlog
    return town.death(town.start(act.point), act.afterMs);
  }
  if (act.phase === 'cutover' || act.phase === 'rollback') await town.ran('verify');
  if (act.point !== undefined) running.process.kill('SIGUSR2');
  if (act.bulk) town.world.app.prepare('update note set body = hex(randomblob(12)) where rowid <= 2000 and abs(random() % 4) > 0').run();
  const asked = act.phase === 'cutover' || act.phase === 'rollback' ? town.world.run(act.phase, '--yes') : undefined;
  const where = await town.death(running, act.afterMs);
  await asked;
  return where;
}

/** Numbers below its argument, the same ones for the same seed. */
export function random(seed: number): (below: number) => number {
  const numbers = numbersFrom(seed);
  return below => numbers() % below;
}
