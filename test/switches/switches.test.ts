import { expect, test } from 'vitest';
import { backAndForth } from './back-and-forth.ts';

test.each(['wal', 'delete'] as const)(
  'there and back under instances that obey, cache and ignore the flag: nothing is lost or doubled (journal mode %s) [G8] [G10]',
  async journal => {
    const { wrong, refused, gaps, acknowledged } = await backAndForth({
      switches: 2,
      seed: 739_239,
      rows: 500,
      journal,
      kinds: ['obedient', 'obedient', 'slow', 'sqlite', 'postgres', 'reader'],
      everyMs: 10,
      judgeEvery: 1,
    });
    expect(wrong).toEqual([]);
    expect(acknowledged).toBeGreaterThan(0);
    expect(gaps).toHaveLength(2 * 2 * 2); // each obedient writer, each way
    expect(refused).toMatchObject({ obedient: 0, reader: 0 });
    expect(refused.sqlite).toBeGreaterThan(1);
    expect(refused.postgres).toBeGreaterThan(1);
  },
);
