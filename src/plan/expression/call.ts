/*
 * Scalar functions. What is not here is a function of the application, or one whose meaning Postgres has no words for.
 */
import { aggregate, isAggregateCall } from './aggregate.ts';
import type { Call } from './ast.ts';
import { compare, ordered } from './compare.ts';
import { asText, condition, unify } from './convert.ts';
import { DATES, isDateFunction } from './dates.ts';
import { asStored } from './form.ts';
import { isJsonFunction, JSON_FUNCTIONS } from './json.ts';
import { Refusal } from './refusal.ts';
import { compat, mustBeChanging, type Scope } from './scope.ts';
import { argument, translate } from './translate.ts';
import { asInteger, asNumber, isNumeric, kindName, type Typed, typed, typedLiteral } from './typed.ts';

type Translator = (args: readonly Typed[], scope: Scope) => Typed;

/** A call in Postgres's SQL. Throws Refusal for a function that is not known or has arguments of the wrong class. */
export function translateCall(call: Call, scope: Scope): Typed {
  if (isAggregateCall(call)) return aggregate(call, scope);
  if (call.star || call.distinct || call.filter !== null || call.over !== null) throw new Refusal(`function ${call.name} is not known`);
  const args = call.args.map(argument => asStored(translate(argument, scope), scope));
  if (isDateFunction(call.name)) return DATES[call.name](args, scope);
  if (isJsonFunction(call.name)) return JSON_FUNCTIONS[call.name](args, scope);
  const [least, most, translator] = FUNCTIONS[call.name] ?? [];
  if (translator === undefined || least === undefined || most === undefined) throw new Refusal(`function ${call.name} is not known`);
  if (args.length < least || args.length > most) throw new Refusal(`function ${call.name} has ${args.length} arguments`);
  return translator(args, scope);
}

/** `list[place]`, which the number of arguments guarantees. */
function nth(args: readonly Typed[], place: number): Typed {
  const found = args[place];
  if (found === undefined) throw new Refusal('a function has too few arguments');
  return found;
}

const text = (args: readonly Typed[], place: number, scope: Scope): string => argument(asText(nth(args, place), scope));

const onText =
  (kind: Typed['kind'], sql: (...texts: string[]) => string): Translator =>
  (args, scope) =>
    typed(kind, sql(...args.map((_, place) => text(args, place, scope))));

const trim = (name: string): readonly [number, number, Translator] => [
  1,
  2,
  onText('text', (value, signs) => `${name}(${value}, ${signs ?? "' '"})`),
];

const FUNCTIONS: Readonly<Record<string, readonly [number, number, Translator]>> = {
  abs: [1, 1, args => ofNumber('abs', nth(args, 0))],
  coalesce: [2, 99, coalesce],
  ifnull: [2, 2, coalesce],
  nullif: [2, 2, nullif],
  iif: [2, 99, iif],
  if: [2, 99, iif],
  length: [1, 1, length],
  lower: [1, 1, onText('text', value => `lower(${value} collate "C")`)],
  upper: [1, 1, onText('text', value => `upper(${value} collate "C")`)],
  instr: [2, 2, instr],
  replace: [3, 3, replace],
  trim: trim('btrim'),
  ltrim: trim('ltrim'),
  rtrim: trim('rtrim'),
  substr: [2, 3, substr],
  substring: [2, 3, substr],
  round: [1, 2, round],
  max: [2, 99, extreme('greatest')],
  min: [2, 99, extreme('least')],
  typeof: [1, 1, typeOf],
  hex: [1, 1, hex],
  quote: [1, 1, quoted],
  unicode: [1, 1, onText('integer', value => `nullif(ascii(${value}), 0)::bigint`)],
  sign: [1, 1, args => typed('integer', `sign(${asNumber(nth(args, 0)).sql})::bigint`)],
  random: [0, 0, random],
  randomblob: [1, 1, randomBlob],
  likely: [1, 1, args => ({ ...nth(args, 0), affinity: null })],
  unlikely: [1, 1, args => ({ ...nth(args, 0), affinity: null })],
  printf: [1, 99, format],
  format: [1, 99, format],
  char: [1, 99, char],
  ceil: [1, 1, args => toWhole('ceil', nth(args, 0))],
  ceiling: [1, 1, args => toWhole('ceil', nth(args, 0))],
  floor: [1, 1, args => toWhole('floor', nth(args, 0))],
  concat_ws: [2, 99, onText('text', (...texts) => `concat_ws(${texts.join(', ')})`)],
  concat: [1, 99, (args, scope) => typed('text', `concat(${args.map(arg => asText(arg, scope).sql).join(', ')})`)],
  zeroblob: [1, 1, args => typed('blob', `decode(repeat('00', greatest(${asInteger(nth(args, 0))}, 0)::integer), 'hex')`)],
};

function ofNumber(name: string, value: Typed): Typed {
  const number = asNumber(value);
  return typed(number.kind, `${name}(${number.sql})`);
}

function toWhole(name: string, value: Typed): Typed {
  const number = asNumber(value);
  if (number.kind === 'number') throw new Refusal(`${name} of ${kindName('number')}`);
  return number.kind === 'integer' ? typed('integer', number.sql) : ofNumber(name, number);
}

function char(args: readonly Typed[]): Typed {
  const codes = args.map(({ value }) => (typeof value === 'bigint' && value > 0n && value <= 0x10ffffn ? Number(value) : undefined));
  if (codes.includes(undefined)) throw new Refusal('char has an argument that is not a literal');
  return { ...typedLiteral(String.fromCodePoint(...codes.flatMap(code => code ?? []))), value: undefined };
}

function coalesce(args: readonly Typed[], scope: Scope): Typed {
  const { kind, sqls } = unify(args, scope);
  return typed(kind, `coalesce(${sqls.join(', ')})`);
}

function nullif(args: readonly Typed[], scope: Scope): Typed {
  const [value, other] = [nth(args, 0), nth(args, 1)];
  if (value.kind === 'null') return value;
  const same =
    value.kind === other.kind && value.collation === 'BINARY' && !other.collated && (value.affinity === null) === (other.affinity === null);
  const sql = same
    ? `nullif(${value.sql}, ${other.sql})`
    : `(case when ${compare('=', bare(value), bare(other), scope)} then null else ${value.sql} end)`;
  return typed(value.kind, sql);
}

/** A function compares values as they are. */
const bare = (value: Typed): Typed => ({ ...value, affinity: null });

function iif(args: readonly Typed[], scope: Scope): Typed {
  const values = args.filter((_, place) => place % 2 === 1 || place === args.length - 1);
  const { kind, sqls } = unify(values, scope);
  const whens = args.slice(0, args.length - (args.length % 2)).filter((_, place) => place % 2 === 0);
  const branches = whens.map((when, place) => `when ${condition(when, scope)} then ${sqls[place]}`);
  return typed(kind, `(case ${branches.join(' ')}${args.length % 2 === 1 ? ` else ${sqls.at(-1)}` : ''} end)`);
}

function length(args: readonly Typed[], scope: Scope): Typed {
  const value = nth(args, 0);
  if (value.kind === 'blob') return typed('integer', `octet_length(${value.sql})::bigint`);
  return typed('integer', `char_length(${asText(value, scope).sql})::bigint`);
}

function instr(args: readonly Typed[], scope: Scope): Typed {
  if (args.some(({ kind }) => kind === 'blob')) throw new Refusal('it searches a BLOB');
  return typed('integer', `strpos(${text(args, 0, scope)}, ${text(args, 1, scope)})::bigint`);
}

/** Nothing is looked for by the empty text: then SQLite does not ask what it would be replaced by. */
function replace(args: readonly Typed[], scope: Scope): Typed {
  const [value, from, to] = [text(args, 0, scope), text(args, 1, scope), text(args, 2, scope)];
  const replaced = `replace(${value}, ${from}, ${to})`;
  const { value: known } = nth(args, 1);
  return typed(
    'text',
    typeof known === 'string' && known !== '' ? replaced : `(case when ${from} = '' then ${value} else ${replaced} end)`,
  );
}

function substr(args: readonly Typed[], scope: Scope): Typed {
  const value = text(args, 0, scope);
  const places = args.slice(1).map(asInteger);
  const plain = typeof args[1]?.value === 'bigint' && args[1].value > 0n && args[1].value < 2n ** 30n;
  const counted = args[2] === undefined || (typeof args[2].value === 'bigint' && args[2].value >= 0n && args[2].value < 2n ** 30n);
  if (plain && counted) return typed('text', `substr(${value}, ${places.join(', ')})`);
  return typed('text', `${compat(scope, 'substr')}(${[value, ...places].join(', ')})`);
}

function round(args: readonly Typed[], scope: Scope): Typed {
  const value = asNumber(nth(args, 0));
  const digits = args[1] === undefined ? '0' : asInteger(args[1]);
  return typed('real', `${compat(scope, 'round')}((${value.sql})::double precision, ${digits})`);
}

/** NULL if one of them is: Postgres's own leaves those out. */
function extreme(name: 'greatest' | 'least'): Translator {
  return (args, scope) => {
    const { kind, sqls } = unify(args, scope);
    const values = kind === 'boolean' ? args.map(arg => asNumber(arg).sql) : sqls;
    if (args.some(arg => arg.collation !== 'BINARY') || kind === 'number')
      throw new Refusal(`${name} of what is compared by a collation or has two classes`);
    if (kind === 'text') ordered(scope);
    const list = kind === 'text' ? values.map(sql => `${sql} collate "C"`) : values;
    const nulls = values.map(sql => `${sql} is null`).join(' or ');
    return typed(kind === 'boolean' ? 'integer' : kind, `(case when ${nulls} then null else ${name}(${list.join(', ')}) end)`);
  };
}

function typeOf(args: readonly Typed[]): Typed {
  const { kind, sql, column } = nth(args, 0);
  if (kind === 'null') return typedLiteral('null');
  const tagged = column?.codec === 'tagged' || kind === 'json';
  if (kind === 'number' && column === undefined) throw new Refusal('it asks whether a result is an integer or a REAL');
  if (kind === 'opaque' && !tagged) throw new Refusal('it asks for the class of a column of an own format');
  const classes = tagged
    ? `case substr(${sql}, 1, 1) when 'i' then 'integer' when 'r' then 'real' when 'b' then 'blob' else 'text' end`
    : kind === 'number'
      ? `case when ${sql} = trunc(${sql}) and abs(${sql}) < 9223372036854775808 then 'integer' else 'real' end`
      : `'${kind === 'boolean' ? 'integer' : kind}'`;
  return typed('text', `(case when ${sql} is null then 'null' else ${classes} end)`);
}

/** Of a text its bytes in UTF-8, which are those of the file if that is UTF-8. */
function hex(args: readonly Typed[], scope: Scope): Typed {
  const value = nth(args, 0);
  if (value.kind === 'blob') return typed('text', `coalesce(upper(encode(${value.sql}, 'hex')), '')`);
  const known = asText(value, scope);
  if (scope.encoding !== 'UTF-8') throw new Refusal(`it reads the bytes of a text that is ${scope.encoding} in SQLite`);
  return typed('text', `coalesce(upper(encode(convert_to(${known.sql}, 'UTF8'), 'hex')), '')`);
}

function quoted(args: readonly Typed[], scope: Scope): Typed {
  const value = nth(args, 0);
  if (isNumeric(value) && value.kind !== 'real') return typed('text', `coalesce(${asText(value, scope).sql}, 'NULL')`);
  if (value.kind !== 'text') throw new Refusal(`it quotes ${kindName(value.kind)}`);
  return typed('text', `coalesce('''' || replace(${value.sql}, '''', '''''') || '''', 'NULL')`);
}

function random(_args: readonly Typed[], scope: Scope): Typed {
  mustBeChanging(scope, 'random()');
  return typed('integer', `${compat(scope, 'random')}()`);
}

function randomBlob(args: readonly Typed[], scope: Scope): Typed {
  mustBeChanging(scope, 'randomblob()');
  return typed('blob', `${compat(scope, 'randomblob')}(${asInteger(nth(args, 0))})`);
}

/** printf with %s, %d, %0Nd and %.Nf only, where NULL is '' or 0. */
function format(args: readonly Typed[], scope: Scope): Typed {
  const pattern = nth(args, 0).value;
  if (typeof pattern !== 'string') throw new Refusal('printf has a format that is not a literal');
  let next = 1;
  const parts = pattern.split(/(%[^a-zA-Z%]*[a-zA-Z%])/).map(part => {
    if (part === '%%') return typedLiteral('%').sql;
    if (part === '%s') return `coalesce(${asText(nth(args, next++), scope).sql}, '')`;
    if (part === '%d') return `coalesce(${asInteger(nth(args, next++))}, 0)::text`;
    const [, digits] = /^%\.([0-6])f$/.exec(part) ?? [];
    if (digits !== undefined) return `${compat(scope, 'fixed')}((${asNumber(nth(args, next++)).sql})::double precision, ${digits})`;
    const [, width] = /^%0(\d)d$/.exec(part) ?? [];
    if (width === undefined && part.startsWith('%')) throw new Refusal(`printf has the format ${part}`);
    return width === undefined ? typedLiteral(part).sql : padded(asInteger(nth(args, next++)), Number(width));
  });
  return typed('text', `(${parts.filter(part => part !== "''").join(' || ')})`);
}

const padded = (sql: string, width: number): string =>
  `(case when ${sql} < 0 then '-' || lpad(abs(${sql})::text, greatest(${width - 1}, char_length(abs(${sql})::text)), '0') else lpad(coalesce(${sql}, 0)::text, greatest(${width}, char_length(coalesce(${sql}, 0)::text)), '0') end)`;
