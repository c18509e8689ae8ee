/*
 * What became of every row of sqlite_schema: each must be named in the report, and what the report says is there must be there.
 */
import type { Client } from 'pg';
import type { StoredObject } from './stored.ts';

export type Accounted = {
  readonly objects: number;
  /** Of these the report names. */
  readonly named: number;
  /** Of these Postgres has, by its own catalog. */
  readonly made: number;
  readonly faults: readonly string[];
};

export type Disposition = { readonly type: string; readonly name: string; readonly disposition: string };

const THERE = /* sql */ `
  select c.relname as name, c.relkind as kind from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1`;

export async function account(
  client: Client,
  schema: string,
  objects: readonly StoredObject[],
  dispositions: readonly Disposition[],
): Promise<Accounted> {
  const { rows } = await client.query(THERE, [schema]);
  const there = new Set(rows.map(({ name }) => String(name)));
  const faults: string[] = [];
  let [named, made] = [0, 0];
  for (const { type, name } of objects) {
    const found = dispositions.find(other => other.type === type && other.name === name)?.disposition ?? '';
    if (found === '' || found === 'left out') faults.push(`${type} ${name}: not accounted for`);
    else named++;
    const claimed = claimOf(found);
    if (claimed === undefined) continue;
    if (claimed === '' || there.has(claimed)) made++;
    else faults.push(`${type} ${name}: the report says ${found}, and Postgres does not have it`);
  }
  return { objects: objects.length, named, made, faults };
}

/** The name that should be there; '' for a key, which has its table's. */
function claimOf(disposition: string): string | undefined {
  const [, kind, name = ''] = /^(table|view|index) (?:"(?:[^"]|"")*"\.)?"((?:[^"]|"")*)"/.exec(disposition) ?? [];
  if (kind !== undefined) return name.replaceAll('""', '"');
  return disposition.startsWith('the key of ') ? '' : undefined;
}
