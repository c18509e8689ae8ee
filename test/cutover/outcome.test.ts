import { expect, test } from 'vitest';
import type { Seq } from '../../src/change/change.ts';
import { outcomeOf } from '../../src/cutover/outcome.ts';
import type { SqliteSide } from '../../src/cutover/ports.ts';

/** A file whose lock another process holds until it has fenced it. */
function fencedMeanwhile(did: string[], epoch: bigint): Pick<SqliteSide, 'record' | 'still'> {
  let primary: 'sqlite' | 'postgres' = 'sqlite';
  return {
    async still(_, work) {
      primary = 'postgres';
      did.push('lock');
      const result = await work();
      did.push('unlock');
      return result;
    },
    record() {
      did.push('record');
      return { primary, epoch, head: { seq: 1n as Seq, nonce: 0n } };
    },
  };
}

const judge = async (phase: 'draining' | 'verifying' | 'verifying_back', epoch = 3n) => {
  const did: string[] = [];
  const release = async (): Promise<void> => void did.push('release');
  const outcome = outcomeOf(fencedMeanwhile(did, epoch), { epoch: 3n, budgetMs: 1, release });
  await outcome(phase, async event => {
    did.push(event);
    return event;
  });
  return did;
};

test('what was interrupted in verifying is judged, and left, under the lock that another process would need to fence SQLite [G8]', async () => {
  expect(await judge('verifying')).toEqual(['release', 'lock', 'record', 'matched', 'unlock']);
  expect(await judge('verifying', 1n), 'fenced in another switch').toEqual(['release', 'lock', 'record', 'abort', 'unlock']);
});

test.each(['draining', 'verifying_back'] as const)('in %s nothing can be fenced: it aborts, and asks nobody', async phase => {
  expect(await judge(phase)).toEqual(['release', 'abort']);
});
