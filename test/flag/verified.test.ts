import { expect, test } from 'vitest';
import type { Side } from '../../src/flag/flag.ts';
import { verifiedFlag } from '../../src/flag/verified.ts';

/** A flag somewhere outside that says this, where Postgres is at epoch 7; and which sides were written there since. */
function somewhere(value: string | undefined, epoch?: string, rewrite = false) {
  const written: Side[] = [];
  const flag = verifiedFlag(
    {
      name: 'somewhere',
      read: async () => ({ value, epoch }),
      write: async ({ primary }) => void written.push(primary),
      meaning: { sqlite: 'sqlite', postgres: 'postgresql' },
      settleMs: 0,
      rewrite,
    },
    { epoch: async () => 7n },
  );
  return { written, flag };
}

test('a place that stands behind Postgres does not make an older switch a newer one [G8]', async () => {
  const { written, flag } = somewhere('sqlite', '3');
  await expect(flag.write({ primary: 'postgres', epoch: 5n })).rejects.toMatchObject({
    disposition: 'halt',
    message: expect.stringContaining('is at epoch 7'),
  });
  expect(written).toEqual([]);
});

test.each([
  ['another side', 'sqlite'],
  ['the side, and an older epoch', 'postgresql'],
])('a place that goes on saying %s has not been written: it is tried again [G8]', async (_, value) => {
  const { written, flag } = somewhere(value, '7');
  await expect(flag.write({ primary: 'postgres', epoch: 8n })).rejects.toMatchObject({ disposition: 'retry' });
  expect(written).toEqual(['postgres']);
});

test('what the place says already, with its epoch, is not written again', async () => {
  const { written, flag } = somewhere('postgresql', '8');
  await flag.write({ primary: 'postgres', epoch: 8n });
  expect(written).toEqual([]);
});

test('an epoch that is no whole number is not guessed at [G7]', async () => {
  const { written, flag } = somewhere('sqlite', '7.5');
  await expect(flag.read()).rejects.toMatchObject({ disposition: 'halt' });
  await expect(flag.write({ primary: 'postgres', epoch: 8n })).rejects.toMatchObject({ disposition: 'halt' });
  expect(await flag.check('sqlite')).toContain('its epoch is not a whole number');
  expect(written).toEqual([]);
});

test('a place that says nothing has a flag that was never set', async () => {
  for (const value of ['', undefined]) {
    const { flag } = somewhere(value);
    expect([await flag.read(), await flag.check('sqlite')]).toEqual([undefined, undefined]);
  }
});

test('the gate proves that it may write by the state that is right: a cache that shows an older one does not set the flag back to it', async () => {
  const { written, flag } = somewhere('sqlite', undefined, true);
  expect([await flag.check('postgres'), await flag.check('sqlite')]).toEqual([undefined, undefined]);
  expect(written).toEqual(['sqlite']);
  await flag.write({ primary: 'sqlite', epoch: 8n });
  expect(written, 'what a cache shows of an earlier switch to the same side is not taken for what is to be written').toEqual([
    'sqlite',
    'sqlite',
  ]);
});
