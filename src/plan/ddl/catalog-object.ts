export type ObjectKind = 'column' | 'key' | 'unique' | 'index' | 'CHECK' | 'foreign key' | 'sequence' | 'view';

/** Something of a table as Postgres's catalog has it. `table`: its name there; `definition`: in the words of the server, without the schema. */
export type CatalogObject = { readonly kind: ObjectKind; readonly table: string; readonly name: string; readonly definition: string };

/** What the server has not made usable, or has not finished. */
export const INVALID = ' INVALID';

/** The sequence of a table's identity. `last`: the last number given out, null for none; `left`: the same when attacca left it. */
export type SequenceState = { readonly table: string; readonly column: string; readonly last: bigint | null; readonly left: bigint | null };
