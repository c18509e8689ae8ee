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

/** A literal; every sixth is a rare one. */
export const literalOf = (dice: Dice): string => dice.pick(dice.chance(17) ? RARE : COMMON);
