/*
 * Every interleaving, not a sample: `walk` visits each state that the controller's real code, the pipes, the application's instances,
 * deaths, crashes, power failures and lost answers can bring about within the bounds. `npm run test:model` walks further.
 */
import { expect, test } from 'vitest';
import { PHASES } from '../../src/cutover/phase.ts';
import { ALONE, GUARDS, TOGETHER } from './guards.ts';
import { named, SMALL, walk } from './space.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

test.each(SMALL.map(bounds => ({ bounds, name: named(bounds) })))(
  'never two open sides, nothing acknowledged is lost or doubled, and from every state a way on to one open side: $name [G8] [G10]',
  async ({ bounds, name }) => {
    const { found, complete, states, steps, phases } = await walk(bounds);
    say(`${name}: ${states} states, ${steps} steps`);
    expect(found, found?.path.join('\n')).toBeUndefined();
    expect(complete).toBe(true);
    const there = PHASES.slice(PHASES.indexOf('shadowing'), PHASES.indexOf('mirroring') + 1);
    const again = PHASES.slice(PHASES.indexOf('mirroring'), PHASES.indexOf('finished'));
    const expected = [
      ...there.slice(1).map(phase => `${phase} 1`),
      ...(bounds.switches > 1 ? again.slice(1).map(phase => `${phase} 2`) : []),
    ];
    expect([...phases]).toEqual(expect.arrayContaining(expected));
  },
);

test.each([...GUARDS, ...TOGETHER])('without this a way to ruin is found: $name [G8]', async ({ name, without, bounds, finds }) => {
  const { found, states } = await walk({ ...bounds }, without);
  expect(found?.what).toMatch(finds);
  say(`without this: ${name}\n${found!.what}, after ${states} states:\n  ${found!.path.join('\n  ')}`);
});

test.each(ALONE)('a guard with another one behind it: without $name alone nothing goes wrong', async ({ without, bounds }) => {
  const { found, complete } = await walk({ ...bounds }, without);
  expect(found, found?.path.join('\n')).toBeUndefined();
  expect(complete).toBe(true);
});
