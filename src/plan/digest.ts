/*
 * How a row is written into a digest, as SQL that each side computes for itself.
 *
 * (1) Equal texts mean equal values, storage class included: a digest never hides a difference [G4]. A value that does not fit
 *     its codec, and so cannot be in Postgres, is written as `?`, which no value of Postgres is.
 * (2) The other way round is not promised: rows whose digests differ are compared value by value, and may prove equal.
 * (3) Fields end by themselves (a comma after digits, a length before text), so no two rows share a text.
 */
import type { CodecName, ColumnPlan } from './plan.ts';
import { textForm } from './text-form.ts';

/** Arguments of `concat` for one column; `c` is the column in the side's own SQL. */
type Form = { readonly sqlite: (c: string) => string; readonly postgres: (c: string) => string };

/** The function that the SQLite side must register: the 64 bits of a REAL as 16 hex digits, as `float8send` gives them. */
export const REAL_BITS = 'attacca_real_bits';

const only = (type: string, c: string, shown: string): string =>
  `case typeof(${c}) when '${type}' then ${shown} when 'null' then '' else '?' end`;

const FORMS: Readonly<Partial<Record<CodecName, Form>>> = {
  integer: { sqlite: c => `${only('integer', c, c)}, ','`, postgres: c => `${c}, ','` },
  real: { sqlite: c => `${only('real', c, `${REAL_BITS}(${c})`)}, ','`, postgres: c => `encode(float8send(${c}), 'hex'), ','` },
  text: { sqlite: c => `${only('text', c, `octet_length(${c})`)}, ':', ${c}`, postgres: c => `octet_length(${c}::text), ':', ${c}` },
  blob: { sqlite: c => `${only('blob', c, `'x' || lower(hex(${c}))`)}, ','`, postgres: c => `'x' || encode(${c}, 'hex'), ','` },
  boolean: {
    sqlite: c => `case when ${c} is null then '' when typeof(${c}) = 'integer' and ${c} in (0, 1) then ${c} else '?' end, ','`,
    postgres: c => `${c}::integer, ','`,
  },
};

/** Postgres writes the text that SQLite has; where it cannot, a `!`, which SQLite never writes: those rows are compared. */
function formOf(codec: CodecName): Form | undefined {
  const form = textForm(codec);
  const text = FORMS.text;
  if (form === undefined || text === undefined) return undefined;
  return {
    sqlite: text.sqlite,
    postgres: c =>
      `case when ${c} is null then ':' when ${form.told(c)} then octet_length(${form.postgres(c)}) || ':' || ${form.postgres(c)} else '!' end`,
  };
}

/**
 * Arguments of `concat` that write a row, on both sides; undefined where a codec has no such form. `names` gives the columns
 * in SQL, in the plan's order.
 */
export function digestOf(side: keyof Form, columns: readonly ColumnPlan[], names: readonly string[]): string | undefined {
  const forms = columns.map(({ codec }, index) => (FORMS[codec] ?? formOf(codec))?.[side](names[index] ?? ''));
  return forms.includes(undefined) ? undefined : nested(forms).join(', ');
}

/** Postgres passes at most 100 arguments to a function; a column has up to three. */
const AT_ONCE = 30;

function nested(forms: readonly (string | undefined)[]): readonly (string | undefined)[] {
  if (forms.length <= AT_ONCE) return forms;
  const groups = Array.from({ length: Math.ceil(forms.length / AT_ONCE) }, (_, group) =>
    forms.slice(group * AT_ONCE, (group + 1) * AT_ONCE),
  );
  return groups.map(group => `concat(${group.join(', ')})`);
}
