import type { Rows } from '../change/change.ts';
import { Refused } from '../change/errors.ts';
import type { SourceState } from '../change/ports.ts';
import type { Plan } from '../plan/plan.ts';
import type { Primary } from '../verify/compare.ts';
import { verifyMarked } from '../verify/verify.ts';
import type { PostgresSide } from './ports.ts';

type Compared = { readonly source: SourceState; readonly marked: Rows; readonly primary: Primary; readonly signal: AbortSignal };

/** Compares the rows that are marked in `source` with what Postgres has committed by now. Throws Refused where they differ. */
export async function agree(
  postgres: Pick<PostgresSide, 'state'>,
  plan: Plan,
  { source, marked, primary, signal }: Compared,
): Promise<void> {
  const target = await postgres.state();
  try {
    if (!(await verifyMarked({ source, target, primary }, plan, marked, signal)).ok) throw differs(primary);
  } finally {
    await target.close();
  }
}

/** What copies them again depends on whose rows are the truth. */
export const differs = (primary: Primary): Refused =>
  new Refused('aborted: the sides differ', [
    {
      code: 'differences',
      reason: 'rows that changed since the last verification are not the same on both sides',
      remedy: `run \`attacca verify\` to see them and \`attacca ${primary === 'sqlite' ? 'verify --repair' : 'resync'}\` to copy them again`,
    },
  ]);

/** Waits for all of them, also where one fails: when it throws, nothing of them is under way any more. */
export async function together<T extends readonly Promise<unknown>[]>(...work: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return await Promise.all(work);
}
