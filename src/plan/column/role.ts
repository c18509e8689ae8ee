import type { SourceTable } from '../schema.ts';

/** Where the column stands: in a key, a unique index or a foreign key one exact type serves best; no index holds JSON. */
export type Role = { readonly identifying: boolean; readonly indexed: boolean };

export type Roles = (column: string) => Role;

/** `referenced`: lower-case "table.column" of foreign keys' parents. */
export function rolesOf(table: SourceTable, referenced: ReadonlySet<string>): Roles {
  const inIndex = (unique: boolean): string[] =>
    table.indexes.filter(index => index.unique || !unique).flatMap(index => index.terms.flatMap(term => term.column ?? []));
  const own = [
    ...table.columns.filter(column => column.primaryKey > 0).map(column => column.name),
    ...inIndex(true),
    ...table.foreignKeys.flatMap(key => key.columns),
    ...table.columns.filter(column => referenced.has(`${table.name}.${column.name}`.toLowerCase())).map(column => column.name),
  ];
  const identifying = new Set(own.map(name => name.toLowerCase()));
  const indexed = new Set([...identifying, ...inIndex(false).map(name => name.toLowerCase())]);
  return column => ({ identifying: identifying.has(column.toLowerCase()), indexed: indexed.has(column.toLowerCase()) });
}
