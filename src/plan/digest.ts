/*
 * How a row is written into a digest, as SQL that each side computes for itself.
 *
 * (1) Equal texts mean equal values, storage class included: a digest never hides a difference [G4]. A value that does not fit
 *     its codec, and so cannot be in Postgres, is written as `?`, which no value of Postgres is.
 * (2) The other way round is not promised: rows whose digests differ are compared value by value, and may prove equal.
 * (3) Fields end by themselves (a comma after digits, a length before text), so no two rows share a text.
 * (4) Postgres has the longer way: where texts must be made alike, SQLite is the one that writes what Postgres prints.
 */
import { momentForm } from './digest-moment.ts';
import type { CodecName, ColumnPlan } from './plan.ts';

/** `c` is the column in the side's own SQL. */
export type Form = {
  /** Arguments of `concat`. */
  readonly sqlite: (c: string) => string;
  /** A text that is never NULL. */
  readonly postgres: (c: string) => string;
};

/** A function that the SQLite side must register: the 64 bits of a REAL as 16 hex digits, as `float8send` gives them. */
export const REAL_BITS = 'attacca_real_bits';
/** Another one: a REAL with its tag, and the length before it. */
export const REAL_TAG = 'attacca_real_tag';

const only = (type: string, c: string, shown: string): string =>
  `case typeof(${c}) when '${type}' then ${shown} when 'null' then '' else '?' end`;

const printed = (c: string): string => `coalesce(${c}::text, '') || ','`;
const counted = (c: string): string => `coalesce(octet_length(${c}) || ':' || ${c}, ':')`;

const FORMS: Readonly<Partial<Record<CodecName, Form>>> = {
  integer: { sqlite: c => `${only('integer', c, c)}, ','`, postgres: printed },
  real: {
    sqlite: c => `${only('real', c, `${REAL_BITS}(${c})`)}, ','`,
    postgres: c => `coalesce(encode(float8send(${c}), 'hex'), '') || ','`,
  },
  text: { sqlite: c => `${only('text', c, `octet_length(${c})`)}, ':', ${c}`, postgres: counted },
  blob: {
    sqlite: c => `${only('blob', c, `'x' || lower(hex(${c}))`)}, ','`,
    postgres: c => `coalesce('x' || encode(${c}, 'hex'), '') || ','`,
  },
  boolean: {
    sqlite: c => `case when ${c} is null then '' when typeof(${c}) = 'integer' and ${c} in (0, 1) then ${c} else '?' end, ','`,
    postgres: c => `case when ${c} then '1,' when not ${c} then '0,' else ',' end`,
  },
  tagged: {
    sqlite: c =>
      `case typeof(${c}) when 'integer' then (length(${c}) + 2) || ':i:' || ${c} when 'text' then (octet_length(${c}) + 2) || ':t:' || ${c}` +
      ` when 'blob' then (octet_length(${c}) * 2 + 2) || ':b:' || lower(hex(${c})) when 'real' then ${REAL_TAG}(${c}) else ':' end`,
    postgres: counted,
  },
  'uuid(lower)': { sqlite: uuid, postgres: printed },
  'uuid(upper)': { sqlite: uuid, postgres: c => `coalesce(upper(${c}::text), '') || ','` },
};

function uuid(c: string): string {
  return `${only('text', c, `case octet_length(${c}) when 36 then ${c} else '?' end`)}, ','`;
}

/**
 * Writes a row, on both sides: for SQLite the arguments of `concat`, for Postgres a text; undefined where a codec has no such form.
 * `names` gives the columns in SQL, in the plan's order.
 */
export function digestOf(side: keyof Form, columns: readonly ColumnPlan[], names: readonly string[]): string | undefined {
  const forms = columns.map(({ codec }, index) => (FORMS[codec] ?? momentForm(codec))?.[side](names[index] ?? ''));
  return forms.includes(undefined) ? undefined : nested(side, forms).join(side === 'sqlite' ? ', ' : ' || ');
}

/** SQLite passes at most 127 arguments to a function, and neither side nests operators without end; a column has up to three. */
const AT_ONCE = 30;

function nested(side: keyof Form, forms: readonly (string | undefined)[]): readonly (string | undefined)[] {
  if (forms.length <= AT_ONCE) return forms;
  const groups = Array.from({ length: Math.ceil(forms.length / AT_ONCE) }, (_, group) =>
    forms.slice(group * AT_ONCE, (group + 1) * AT_ONCE),
  );
  return groups.map(group => (side === 'sqlite' ? `concat(${group.join(', ')})` : `(${group.join(' || ')})`));
}
