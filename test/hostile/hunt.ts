/*
 * Plays many histories and makes the first that fails as small as it can be.
 */
import fc from 'fast-check';
import { type Mutant, NOTHING } from './mutants.ts';
import { history, play } from './play.ts';
import type { MakeTarget } from './target.ts';

export type Hunt = {
  readonly seed: number;
  readonly runs: number;
  readonly target: MakeTarget;
  readonly mutant?: Mutant;
  readonly shrink?: boolean;
};
export type Found = {
  readonly played: number;
  readonly statements: number;
  readonly syncs: number;
  /** Histories that could not be played, by the reason. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Histories in which SQLite itself went another way because of triggers, by what it did. */
  readonly parted: Readonly<Record<string, number>>;
  /** Histories in which the mutant made any trigger another one. */
  readonly mutated: number;
  /** The smallest history that fails, with what is wrong. */
  readonly failure: string | undefined;
};

/** Plays `runs` histories; the same seed gives the same ones. */
export async function hunt({ seed, runs, target, mutant, shrink = true }: Hunt): Promise<Found> {
  let [played, statements, syncs, mutated] = [0, 0, 0, 0];
  const skipped: Record<string, number> = {};
  const parted: Record<string, number> = {};
  let failed = false;
  const property = fc.asyncProperty(history, async story => {
    const { script, trouble, skipped: why, parted: how, mutated: changed } = await play(story, target, mutant);
    if (!failed) {
      played++;
      statements += script.length;
      syncs += script.filter(line => line === '-- sync').length;
      if (changed === true) mutated++;
      if (why !== undefined) skipped[why] = (skipped[why] ?? 0) + 1;
      if (how !== undefined) parted[how] = (parted[how] ?? 0) + 1;
    }
    if (trouble === undefined) return;
    // A mutant is noticed by what goes well without it.
    if (mutant !== undefined && (await play(story, target, NOTHING)).trouble !== undefined) return;
    failed = true;
    throw new Error(`${script.join('\n')}\n${trouble}`);
  });
  const details = await fc.check(property, { seed, numRuns: runs, endOnFailure: !shrink });
  const cause = details.errorInstance instanceof Error ? (details.errorInstance.stack ?? '') : '';
  return { played, statements, syncs, skipped, parted, mutated, failure: details.failed ? `seed ${seed}\n${cause}` : undefined };
}
