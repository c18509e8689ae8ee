/*
 * Values that a column of this form could hold, as the application would write them on either side.
 */
import type { Random } from './random.ts';

export type Invented = { readonly sqlite: null | bigint | number | string | Buffer; readonly postgres: string | null };

const LETTERS = ['a', 'Zoë', 'ß', '東京', '🜁', "o'clock", 'back\\slash', '"', '\t', 'ı', 'Å', '%_'];

/** `codec`: as in the plan, or as `codecOfType` guesses it. */
export function invent(codec: string, random: Random): Invented {
  const [, name = '', form = ''] = /^([a-z]+)(?:\((.*)\))?$/.exec(codec) ?? [];
  switch (name) {
    case 'integer':
      return integer(random);
    case 'real':
    case 'number':
    case 'decimal': {
      const value = random.int(100_000) + random.pick([0.5, 0.25, 0.125]);
      return { sqlite: value, postgres: String(value) };
    }
    case 'numeric':
      return same(`${random.int(100_000)}.${random.int(90) + 10}`);
    case 'blob': {
      const bytes = Buffer.from(Array.from({ length: random.int(24) }, () => random.int(256)));
      return { sqlite: bytes, postgres: `\\x${bytes.toString('hex')}` };
    }
    case 'boolean':
      return boolean(form, random.chance(0.5));
    case 'uuid':
      return uuid(form, random);
    case 'json':
    case 'jsonb':
      return same(JSON.stringify({ at: random.int(1_000), tags: [word(random)], deep: { none: null } }));
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return inTime(name, form, random);
    case 'tagged': {
      const text = word(random);
      return { sqlite: text, postgres: `t:${text}` };
    }
    default:
      return same(word(random));
  }
}

/** For files whose plan is not known yet. */
export function codecOfType(declared: string): string {
  const type = declared.toUpperCase();
  if (type.includes('BOOL')) return 'boolean';
  if (/UUID|GUID/.test(type)) return 'uuid(lower)';
  if (type.includes('JSON')) return 'jsonb';
  if (/DATETIME|TIMESTAMP/.test(type)) return 'timestamp(YYYY-MM-DD hh:mm:ss)';
  if (type.includes('DATE')) return 'date(YYYY-MM-DD)';
  if (type.includes('INT')) return 'integer';
  if (/CHAR|CLOB|TEXT|STRING/.test(type)) return 'text';
  if (/REAL|FLOA|DOUB|NUM|DEC/.test(type)) return 'number';
  return type === '' || type.includes('BLOB') ? 'blob' : 'text';
}

const same = (text: string): Invented => ({ sqlite: text, postgres: text });

/** Starts with a letter: no column takes it for a number. */
function word(random: Random): string {
  return `w${Array.from({ length: random.int(4) }, () => random.pick(LETTERS)).join('')}${random.int(1_000_000)}`;
}

function integer(random: Random): Invented {
  const value = random.chance(0.9) ? BigInt(random.int(100_000)) : 2n ** 53n + BigInt(random.int(1_000_000));
  return { sqlite: value, postgres: String(value) };
}

function boolean(form: string, yes: boolean): Invented {
  const [on, off] = form.split('/');
  return { sqlite: form === '' ? (yes ? 1n : 0n) : String(yes ? on : off), postgres: yes ? 't' : 'f' };
}

function uuid(form: string, random: Random): Invented {
  const hex = Array.from({ length: 32 }, () => random.int(16).toString(16)).join('');
  const dashed = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const texts: Readonly<Record<string, string>> = { upper: dashed.toUpperCase(), hex, HEX: hex.toUpperCase() };
  return { sqlite: form === 'blob' ? Buffer.from(hex, 'hex') : (texts[form] ?? dashed), postgres: dashed };
}

const aDay = (random: Random): Date => new Date(Date.UTC(1990, 0, 1) + random.int(14_000) * 86_400_000 + random.int(86_400) * 1_000);

function moment(type: string, form: string, random: Random): Invented {
  const day = aDay(random).toISOString();
  const digits = /\.(f+)/.exec(form)?.[1]?.length ?? 0;
  const fraction = Array.from({ length: digits }, () => 1 + random.int(9)).join('');
  const sqlite = form
    .replace(/\[(.*)\]/, random.chance(0.5) ? '$1' : '') // a fraction that is left out where it is zero
    .replace(/f+/, fraction)
    .replace('YYYY', day.slice(0, 4))
    .replace('MM', day.slice(5, 7))
    .replace('DD', day.slice(8, 10))
    .replace('hh', day.slice(11, 13))
    .replace('mm', day.slice(14, 16))
    .replace('ss', day.slice(17, 19));
  const time = `${day.slice(0, 10)} ${day.slice(11, 19)}${random.chance(0.5) ? '.625' : ''}`;
  return { sqlite, postgres: type === 'date' ? day.slice(0, 10) : type === 'timestamp' ? time.replace(/\.625$/, '') : `${time}+00` };
}

function inTime(type: string, form: string, random: Random): Invented {
  const [, rest = form, never] = /^(.*) or (.*)$/.exec(form) ?? [];
  if (never !== undefined && random.chance(0.3)) return { sqlite: never === '0' ? 0n : never.slice(1, -1), postgres: '-infinity' };
  if (rest.includes(' since ')) return epoch(rest, random);
  return rest === 'julian day' ? julian(type, random) : moment(type, rest, random);
}

/** Noon and midnight are Julian days that float64 holds. */
function julian(type: string, random: Random): Invented {
  const number = 2_450_000 + random.int(10_000);
  const day = new Date((number - 2_440_588) * 86_400_000).toISOString().slice(0, 10);
  return type === 'date' ? { sqlite: BigInt(number), postgres: day } : { sqlite: number - 0.5, postgres: `${day} 00:00:00+00` };
}

const PER_SECOND: Readonly<Record<string, bigint>> = { s: 1n, ms: 1_000n, us: 1_000_000n, ns: 1_000_000_000n };

function epoch(form: string, random: Random): Invented {
  const [, unit = 's', year = '1970'] = /^(\w+) since (\d+)$/.exec(form) ?? [];
  const at = aDay(random);
  const seconds = BigInt((at.getTime() - Date.UTC(Number(year), 0, 1)) / 1_000);
  return { sqlite: seconds * (PER_SECOND[unit] ?? 1n), postgres: `${at.toISOString().slice(0, 19)}+00` };
}
