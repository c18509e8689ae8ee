/*
 * Dates and times. A moment is a bigint on the way: milliseconds since 1970 in UTC, the precision that SQLite calculates in.
 */
import { literal } from '../../change/quote.ts';
import { Refusal } from './refusal.ts';
import { compat, mustBeChanging, type Scope } from './scope.ts';
import { argument } from './translate.ts';
import { asNumber, isNumeric, type Typed, typed } from './typed.ts';

const NOW = `(trunc(extract(epoch from statement_timestamp()) * 1000))::bigint`;
const FORMATS = { timestamp: 'YYYY-MM-DD HH24:MI:SS', date: 'YYYY-MM-DD', time: 'HH24:MI:SS' } as const;

/** CURRENT_TIMESTAMP and its like: a text in UTC. */
export const now = (part: keyof typeof FORMATS): Typed => ({
  ...typed('text', `to_char(statement_timestamp() at time zone 'utc', ${literal(FORMATS[part])})`),
  mask: FORMATS[part].replace('HH24:MI:SS', 'hh:mm:ss'),
});

type Translator = (args: readonly Typed[], scope: Scope) => Typed;

const strftime =
  (format: string, part: keyof typeof FORMATS): Translator =>
  (args, scope) => {
    const plain = args.length === 0 || (args.length === 1 && isNow(args[0]));
    if (!plain) return typed('text', `${compat(scope, 'strftime')}(${literal(format)}, ${moment(args, scope)})`);
    mustBeChanging(scope, 'the current time');
    return now(part);
  };

export const DATES = {
  date: strftime('%Z-%m-%d', 'date'),
  time: strftime('%H:%M:%S', 'time'),
  datetime: strftime('%Z-%m-%d %H:%M:%S', 'timestamp'),
  unixepoch: (args, scope) => typed('integer', `floor(${moment(args, scope)} / 1000.0)::bigint`),
  julianday: (args, scope) => typed('real', `((${moment(args, scope)} + 210866760000000)::double precision / 86400000)`),
  strftime: ([format, ...args], scope) => {
    if (typeof format?.value !== 'string') throw new Refusal('strftime has a format that is not a literal');
    const others = format.value.replaceAll(/%[dfFHIklmMjpPRsSTuwWYe%]/g, '');
    if (others.includes('%')) throw new Refusal('strftime has a format whose meaning Postgres has no words for');
    const result = typed('text', `${compat(scope, 'strftime')}(${literal(format.value)}, ${moment(args, scope)})`);
    const integral = /^(?:%s|(?:%[YmdHMSjwWu])+)$/.test(format.value) && ({ integral: true } as const);
    return { ...result, ...integral, ...(format.value !== '%s' && { mask: maskOf(format.value) }) };
  },
} as const satisfies Readonly<Record<string, Translator>>;

const DIRECTIVES: Readonly<Record<string, string>> = {
  '%Y': 'YYYY',
  '%m': 'MM',
  '%d': 'DD',
  '%H': 'hh',
  '%M': 'mm',
  '%S': 'ss',
  '%f': 'ss.fff',
  '%F': 'YYYY-MM-DD',
  '%T': 'hh:mm:ss',
};

const maskOf = (format: string): string => format.replaceAll(/%./g, directive => DIRECTIVES[directive] ?? directive);

export const isDateFunction = (name: string): name is keyof typeof DATES => Object.hasOwn(DATES, name);

const isNow = (value: Typed | undefined): boolean => typeof value?.value === 'string' && value.value.toLowerCase() === 'now';

/** A time value and its modifiers as milliseconds; NULL where SQLite gives NULL. */
function moment([value, ...modifiers]: readonly Typed[], scope: Scope): string {
  const [first] = modifiers;
  const epoch = typeof first?.value === 'string' && first.value.toLowerCase() === 'unixepoch';
  let sql = start(value, epoch, scope);
  for (const modifier of epoch ? modifiers.slice(1) : modifiers) sql = shifted(sql, modifier, scope);
  return sql;
}

function start(value: Typed | undefined, epoch: boolean, scope: Scope): string {
  if (value === undefined || isNow(value)) {
    mustBeChanging(scope, 'the current time');
    return NOW;
  }
  if (value.kind === 'null') return 'null::bigint';
  if (isNumeric(value)) return `${compat(scope, 'time_number')}((${asNumber(value).sql})::double precision, ${epoch})`;
  if (value.kind !== 'text' || epoch) throw new Refusal('it reads a time from what may be a text or a number');
  return `${compat(scope, 'time_value')}(${argument(value)})`;
}

function shifted(sql: string, { value }: Typed, scope: Scope): string {
  if (typeof value !== 'string') throw new Refusal('a date function has a modifier that is not a literal');
  const modifier = value.trim().toLowerCase();
  const [, amount = '', unit = ''] = /^([+-]?\d+(?:\.\d+)?) +(day|hour|minute|second|month|year)s?$/.exec(modifier) ?? [];
  const call = (by: string, what: string): string => `${compat(scope, 'time_shift')}(${sql}, ${by}, ${literal(what)})`;
  if (/^start of (day|month|year)$/.test(modifier)) return call('0', modifier);
  if (/^weekday [0-6]$/.test(modifier)) return call(modifier.slice(-1), 'weekday');
  if (unit === '' || (/month|year/.test(unit) && amount.includes('.'))) throw new Refusal(`a date function has the modifier ${value}`);
  return call(amount.replace(/^\+/, ''), unit);
}
