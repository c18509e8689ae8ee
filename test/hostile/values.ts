import fc from 'fast-check';
import type { Dice } from './dice.ts';

/** Few, so that rows collide: under NOCASE, under RTRIM, as 1, 1.0 and '1'. */
const COMMON = ['null', "'a'", "'A'", "'b'", "'a '", "'1'", '1', '1.0', '2', "'B'", '3', '0', '-1', "x'61'", '0.0', '-0.0'];

/** What a codec, a collation or a driver may get wrong. Below 2^63 - 1: behind that rowid SQLite draws random ones. */
const RARE = [
  "''",
  "x''",
  "'É'",
  "'é'",
  "'\u{1f600}'",
  "'\ufffd'",
  "cast(x'ff' as text)",
  "cast(x'61ff' as text)",
  "cast(x'610062' as text)",
  "cast(x'6100' as text)",
  "x'6100'",
  '9223372036854775000',
  '9223372036854774784.0',
  '-9223372036854775808',
  '-9223372036854775808.0',
  '9007199254740993',
  '9007199254740992.0',
  '1e19',
  '1e999',
  '-1e999',
  '1e-320',
  '0.1',
  "'0x1'",
  "' 1'",
  "'1.0'",
  "'1e0'",
  "'-0'",
  "'-0.0'",
  "'T'",
  "'i:1'",
  "'t:a'",
  `'{"id":1}'`,
  `'{"id":"1"}'`,
  "'{'",
];

/** `apart`: what tells values in a column u apart that are equal to each other, and not the same. */
export type Kind = { readonly declared: string; readonly values: readonly string[]; readonly apart?: string };

/** Values for which the plan chooses a type of Postgres's own, some that only look like them, and how such a column is declared. */
const KINDS: readonly Kind[] = [
  {
    declared: 'datetime',
    values: ["'2024-01-02 03:04:05'", "'1999-12-31 23:59:59'", "'2024-02-29 00:00:00'", "'2024-02-30 00:00:00'", "'2024-01-02T03:04:05'"],
  },
  {
    declared: 'timestamp',
    values: ["'2024-01-02T03:04:05.120Z'", "'2024-01-02T03:04:05.000Z'", "'1969-12-31T23:59:59.999Z'", "'2024-01-02T24:00:00.000Z'"],
  },
  { declared: 'date', values: ["'2024-01-02'", "'2024-01-03'", "'1600-02-29'", "'2023-02-29'"] },
  {
    declared: 'uuid',
    values: [
      "'6f9619ff-8b86-d011-b42d-00c04fc964ff'",
      "'00000000-0000-0000-0000-000000000000'",
      "'ffffffff-8b86-d011-b42d-00c04fc964ff'",
      "'6F9619FF-8B86-D011-B42D-00C04FC964FF'",
    ],
  },
  { declared: 'json', values: [`'{"id":1}'`, `'{ "id": 1 }'`, `'{"b":[1,null],"a":"x"}'`, `'{"id":1,"id":2}'`, `'[]'`, "'{'"] },
  { declared: 'boolean', values: ["'true'", "'false'", "'TRUE'"] },
  { declared: 'boolean', values: ['0', '1', '0', '1', '2'] },
  { declared: '', values: ['1', '1.0', "'1'", "x'31'"], apart: 'typeof(u)' },
  { declared: '', values: ['0.0', '-0.0', '0'], apart: 'atan2(u, -1)' },
  { declared: 'text collate nocase', values: ["'a'", "'A'", "'a '"], apart: 'u collate binary' },
  { declared: 'collate rtrim', values: ["'a'", "'a '", "'a  '"], apart: 'u collate binary' },
];
const ANY: Kind = { declared: '', values: [] };

/**
 * What a history draws its values from: a few rare ones, or one kind, come again and again, so that they meet each other. In a dense
 * one there are hardly any others, few columns change, and most statements REPLACE.
 */
export type Favourites = { readonly kind: number | null; readonly rare: readonly number[]; readonly dense: boolean };

const EQUAL = [...KINDS.keys()].filter(kind => KINDS[kind]!.apart !== undefined);
const favouring = (kinds: fc.Arbitrary<number>, dense: boolean): fc.Arbitrary<Favourites> =>
  fc.record({
    kind: fc.option(kinds, { freq: 3 }),
    rare: fc.array(fc.nat({ max: RARE.length - 1 }), { minLength: 1, maxLength: 4 }),
    dense: fc.constant(dense),
  });
export const favourites = fc.oneof(favouring(fc.nat({ max: KINDS.length - 1 }), false), favouring(fc.constantFrom(...EQUAL), true));

/** A literal: mostly one of those that everybody has. A dense history has rows enough only if their keys differ. */
export function literalOf({ kind, rare, dense }: Favourites, dice: Dice, key: boolean): string {
  if (dense && key && dice.chance(70)) return dice.pick(COMMON);
  if (kind !== null && dice.chance(dense ? 85 : 70)) return dice.pick(KINDS[kind]!.values.slice(0, dice.chance(85) ? 2 : undefined));
  if (dense) return dice.pick(COMMON.slice(0, 4));
  if (dice.chance(25)) return dice.pick(dice.chance(80) ? rare.map(index => RARE[index]!) : RARE);
  return dice.pick(COMMON);
}

export const kindOf = ({ kind }: Favourites): Kind => (kind === null ? ANY : KINDS[kind]!);
