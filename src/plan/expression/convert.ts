import { asStored } from './form.ts';
import { Refusal } from './refusal.ts';
import { compat, type Scope } from './scope.ts';
import { asNumber, isNumeric, kindName, type Typed, typed, typedLiteral } from './typed.ts';

/** A Postgres boolean that is true, false or NULL as SQLite's condition would be. */
export function condition(hidden: Typed, scope: Scope): string {
  const value = asStored(hidden, scope);
  if (value.kind === 'boolean') return value.sql;
  if (value.kind === 'null') return 'null::boolean';
  if (typeof value.value === 'bigint') return value.value === 0n ? 'false' : 'true';
  if (isNumeric(value)) return `(${value.sql} <> 0)`;
  if (value.kind === 'text') return `(${compat(scope, 'cast_real')}(${value.sql}) <> 0)`;
  if (value.kind === 'json') return `(${compat(scope, 'cast_real')}(${textOfJson(value, scope)}) <> 0)`;
  throw new Refusal(`it takes ${kindName(value.kind)} for a condition`);
}

/** What SQLite makes of the value where it needs a text. */
export function asText(hidden: Typed, scope: Scope): Typed {
  const value = asStored(hidden, scope);
  const { kind, sql, value: known } = value;
  if (kind === 'text') return value;
  if (kind === 'null') return typed('text', 'null::text');
  if (kind === 'json') return typed('text', textOfJson(value, scope));
  if (typeof known === 'bigint') return typedLiteral(known.toString());
  if (kind === 'boolean') return typed('text', `(${sql})::integer::text`);
  if (kind === 'integer') return typed('text', `(${sql})::text`);
  throw new Refusal(`it needs a text where ${kindName(kind)} stands`);
}

/** json_value gives tagged values: `i:1`, `r:1.5`, `t:text`. */
export const textOfJson = ({ sql }: Typed, _scope: Scope): string => `substr(${sql}, 3)`;

/** Values of one kind: what CASE, coalesce and the like can give. Throws Refusal where SQLite would give several classes. */
export function unify(hidden: readonly Typed[], scope: Scope): { readonly kind: Typed['kind']; readonly sqls: string[] } {
  const values = hidden.map(value => asStored(value, scope));
  const kinds = new Set(values.map(({ kind }) => kind).filter(kind => kind !== 'null'));
  const [first = 'null'] = kinds;
  if (first === 'opaque' || first === 'json') throw new Refusal(`it hands on ${kindName(first)}`);
  if (kinds.size <= 1) return { kind: first, sqls: values.map(({ sql }) => sql) };
  if (!values.every(value => value.kind === 'null' || isNumeric(value)))
    throw new Refusal(`it gives ${[...kinds].map(kindName).join(' or ')}, and Postgres has one type for each expression`);
  const numbers = values.map(value => (value.kind === 'null' ? value : asNumber(value)));
  const integers = numbers.every(({ kind }) => kind === 'integer' || kind === 'null');
  if (integers) return { kind: 'integer', sqls: numbers.map(({ sql }) => sql) };
  const inexact = numbers.some(({ kind, value }) => kind === 'integer' && typeof value !== 'bigint');
  if (inexact) throw new Refusal('it gives an integer or a REAL, which together have no exact type');
  return { kind: 'number', sqls: numbers.map(({ sql }) => `${sql}::double precision`) };
}
