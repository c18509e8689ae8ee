/* What SQLite allows and a translation trips over, there and back, compared by readers that share no code with attacca. */
import { expect, test } from 'vitest';
import { journey } from './journey.ts';
import { build, IMPOSSIBLE, ODD } from './odd.ts';

const all = Object.keys(ODD).filter(name => typeof ODD[name] === 'string' && !/^(?:utf16|empty|nothing|wal|pages)/.test(name));
const together = all.map(name => ODD[name]).join('\n');

test.each([
  [`${all.join(', ')} in one file`, together],
  ['a UTF-16 file', ODD.utf16le],
])('%s: nothing differs, and every object is accounted for [G4] [G11]', async (_, what) => {
  const { faults, refused, differences, objects, named } = await journey('odd', path => build(path, what!), { seed: 1, filled: false });
  expect({ faults, refused, differences }).toEqual({ faults: [], refused: undefined, differences: 0 });
  expect(named).toBe(objects);
});

test.each(Object.keys(IMPOSSIBLE))('%s: refused before anything is installed, with a reason', async name => {
  const { faults, refused } = await journey(name, path => build(path, IMPOSSIBLE[name]!), { seed: 1, filled: false });
  expect(faults).toEqual([]);
  expect(refused).toMatch(/1700 columns are more than|no usable rowid|is empty/);
});
