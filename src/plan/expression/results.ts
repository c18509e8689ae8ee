/*
 * Result columns: their names and types.
 */
import { quote } from '../../change/quote.ts';
import type { Field } from './from.ts';
import { Refusal } from './refusal.ts';
import type { Typed } from './typed.ts';

/** SQLite's own way: the second `x` is `x:1`. */
export function unique(fields: readonly Field[]): Field[] {
  const taken = new Set<string>();
  return fields.map(field => {
    let name = field.name;
    for (let n = 1; taken.has(name.toLowerCase()); n++) name = `${field.name}:${n}`;
    taken.add(name.toLowerCase());
    return { ...field, name };
  });
}

/** A condition gives 0 and 1 as in SQLite, a boolean column stays what it is; literals get a type. */
export function output({ kind, sql, column, value }: Typed): string {
  if (kind === 'boolean' && column === undefined) return `(${sql})::integer::bigint`;
  if (kind === 'json') throw new Refusal('it gives a JSON value, whose class only the value knows');
  if (kind === 'null') return 'null::text';
  return value === undefined ? sql : `${sql}${kind === 'integer' ? '::bigint' : kind === 'text' ? '::text' : ''}`;
}

export const outputType = ({ kind, affinity, collation, column }: Typed, name: string): Typed => ({
  kind: kind === 'boolean' && column === undefined ? 'integer' : kind,
  sql: quote(name),
  affinity,
  collation,
  collated: false,
  ...(column !== undefined && { column }),
});
