/*
 * The first copy lets SQLite write what COPY reads: for each codec the SQL expression of its CSV field. Half the work of the
 * same in JS, and no row ever becomes a JS string.
 *
 * (1) The expression is NULL for NULL; a value for which it is not sure to be what `encode` makes becomes MISFIT, and its rows
 *     go through `encode` [G4]. What Postgres refuses (NUL, bytes that are not UTF-8, the 30th of February) may pass: its
 *     chunk goes through `encode` then.
 * (2) For a codec that has none, SQLite asks `encode` for the field: exact, and slower.
 * (3) SQLite 3.54, the library that this process brings, evaluates it; not the application's.
 */
import { isDoubtful, type Value } from '../../change/value.ts';
import { codecOf, type Kind } from '../codec.ts';
import type { Affinity } from '../codecs/affinity.ts';
import type { CodecName } from '../plan.ts';
import { epochForm } from './epoch-form.ts';
import { isBlob, isText, textForm } from './text-form.ts';

/** Quotes a text in CSV: hardly any text holds it, so hardly any is changed by quoting. */
export const QUOTE = '\x01';

/** Stands for a value that has no certain field. A text may hold this byte too, which only costs time. */
export const MISFIT = '\x02';

const Q = `'${QUOTE}'`;
const M = `'${MISFIT}'`;

type Field = (column: string, affinity: Affinity) => string;

/** `column`: an SQL expression without side effects, such as t."name". */
const FIELDS: Readonly<Partial<Record<CodecName, Field>>> = {
  integer: column => byClass(column, { integer: column }),
  real: (column, affinity) => byClass(column, { real: real(column, affinity) }),
  number: column => byClass(column, { integer: exactInteger(column), real: fraction(column) }),
  text: column => ofClass(isText(column), column, quoted(column)),
  blob: column => ofClass(isBlob(column), column, `'\\x' || hex(${column})`),
  boolean: column => byClass(column, { integer: `case ${column} when 1 then 't' when 0 then 'f' else ${M} end` }),
  tagged: column =>
    byClass(column, { integer: `'i:' || ${column}`, text: quoted(`('t:' || ${column})`), blob: `'b:' || lower(hex(${column}))` }),
};

/** SQLite's expression for the column's CSV field; undefined where its codec has none. */
export function copyField({ codec, affinity, own }: Kind, column: string): string | undefined {
  const field = FIELDS[codec]?.(column, affinity) ?? formField(codec, affinity, column);
  if (field === undefined || own === undefined || UNLIMITED.test(own.base)) return field;
  const longest = /^character varying\((\d+)\)$/.exec(own.base)?.[1];
  return longest === undefined ? undefined : `case when length(${column}) > ${longest} then ${M} else ${field} end`;
}

/** The same for any codec, made in JS of one value: what SQLite calls where there is no expression. */
export function madeField(column: Kind): (value: Value) => string | null {
  const { encode } = codecOf(column);
  return value => {
    const text = isDoubtful(value) ? undefined : encode(value);
    if (text === null) return null;
    return typeof text === 'string' ? QUOTE + text.replaceAll(QUOTE, QUOTE + QUOTE) + QUOTE : MISFIT;
  };
}

/** Postgres takes each value of these as it is, or refuses it. */
const UNLIMITED = /^(?:integer|smallint|enum|character varying|text|numeric|timestamp with(?:out)? time zone)$/;

/** Texts in one exact form, and points in time, need no quotes; Postgres reads them as they are. */
function formField(codec: CodecName, affinity: Affinity, column: string): string | undefined {
  const epoch = affinity === 'real' ? undefined : epochForm(codec); // it holds no integers
  if (epoch !== undefined) return byClass(column, { integer: `case when ${epoch.fits(column)} then ${epoch.text(column)} else ${M} end` });
  const form = textForm(codec);
  return form === undefined ? undefined : ofClass(`${isText(column)} and ${form(column)}`, column, column);
}

/** One expression for each storage class that the codec takes; NULL is NULL, any other class a misfit. */
function byClass(column: string, fields: Readonly<Record<string, string>>): string {
  const cases = Object.entries(fields).map(([name, field]) => `when '${name}' then ${field}`);
  return `case typeof(${column}) ${cases.join(' ')} when 'null' then null else ${M} end`;
}

/** The same for a class that a comparison tells, which takes half the time of `typeof`. */
const ofClass = (isOfClass: string, column: string, field: string): string =>
  `case when ${isOfClass} then ${field} when ${column} is null then null else ${M} end`;

/** GLOB looks for a byte faster than `instr`, up to a NUL: Postgres refuses what has one, whatever stands behind it. */
const quoted = (text: string): string =>
  `${Q} || case when ${text} glob '*${QUOTE}*' then replace(${text}, ${Q}, ${Q} || ${Q}) else ${text} end || ${Q}`;

/** 17 significant digits tell every float64 from its neighbours; only the sign of zero is not in them. REAL columns have no -0. */
function real(column: string, affinity: Affinity): string {
  const digits = `printf('%!.17g', ${column})`;
  return affinity === 'real' ? digits : `case when ${column} = 0 and atan2(${column}, -1) < 0 then '-0' else ${digits} end`;
}

/** Beyond 2^53 `encode` knows which integers are float64 too. */
const exactInteger = (column: string): string =>
  `case when ${column} between -9007199254740992 and 9007199254740992 then ${column} else ${M} end`;

/** A whole number below 2^63 would come back as an integer. */
const fraction = (column: string): string =>
  `case when abs(${column}) < 9223372036854775808.0 and ${column} = cast(${column} as integer) then ${M} else printf('%!.17g', ${column}) end`;
