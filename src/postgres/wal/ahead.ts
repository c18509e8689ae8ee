/*
 * DDL that the stream does not carry: what the tables looked like when the mirror began, and what has become of them since. A rewrite
 * (ALTER … USING) changes every row and is decoded as nothing; so is a column that takes another's name, or that of one that was dropped,
 * and a label of an enum that becomes another.
 * A new table is in no publication, and what is taken out of one for a while has gone by when it is back.
 */
import type { Plan, TablePlan } from '../../plan/plan.ts';
import type { PgRecord, Session } from '../session/open.ts';

/**
 * `file`: changes when values may have without a trace: with the table's file (also TRUNCATE, VACUUM FULL and CLUSTER), the numbers of
 * the replicated columns, the labels of their types, the table's place in the publication. `columns`: their types, by name.
 */
type Shape = { readonly file: string; readonly columns: Readonly<Record<string, string>> };
export type Catalog = { readonly tables: Readonly<Record<string, Shape>>; readonly others: readonly string[] };

/** What Postgres has that SQLite has not, or no longer has as it was. */
export type Ahead = {
  readonly newTables: readonly string[];
  readonly newColumns: readonly string[];
  /** Tables and columns that are gone, or have another type. */
  readonly broken: readonly string[];
  /** Targets whose values may have changed without a trace in the stream. */
  readonly rewritten: readonly string[];
};

const TABLES = /* sql */ `
  select c.relname as name,
    case c.relkind when 'p' then (select string_agg(relid::oid || ':' || pg_relation_filenode(relid), ' ' order by relid) from pg_partition_tree(c.oid) where isleaf)
      else c.relfilenode::text end as file,
    (select json_object_agg(a.attname, a.atttypid::text order by a.attnum) from pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select json_object_agg(a.attname, a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as numbers,
    (select r.oid || ':' || p.xmin from pg_publication p join pg_publication_rel r on r.prpubid = p.oid
      where p.pubname = $2 and r.prrelid = c.oid) as published,
    (select md5(string_agg(e.oid || e.enumlabel, ',' order by e.oid)) from pg_enum e
      where e.enumtypid in (select a.atttypid from pg_attribute a where a.attrelid = c.oid and a.attnum > 0)) as labels
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind in ('r', 'p') and not c.relispartition`;

export async function readCatalog(session: Session, plan: Plan, publication: string): Promise<Catalog> {
  const { rows } = await session.query(TABLES, [plan.schema, publication]);
  const found = new Map(rows.map(row => [row.name ?? '', row]));
  const tables = plan.tables.flatMap(table => {
    const row = found.get(table.target);
    return row === undefined ? [] : [[table.target, shapeOf(table, row)] as const];
  });
  const planned = new Set(plan.tables.map(({ target }) => target));
  return { tables: Object.fromEntries(tables), others: [...found.keys()].filter(name => !planned.has(name)) };
}

function shapeOf({ columns }: TablePlan, row: PgRecord): Shape {
  const numbers: Readonly<Record<string, number>> = JSON.parse(row.numbers ?? '{}');
  const places = columns.map(({ target }) => own(numbers, target) ?? '-');
  return { file: [row.file, row.published, row.labels, ...places].join(' '), columns: JSON.parse(row.columns ?? '{}') };
}

const WRITE = /* sql */ `update attacca.control set catalog = $1`;
const READ = /* sql */ `select to_jsonb(c) -> 'catalog' as catalog from attacca.control c`;

/** Remembers how the tables are now: from here on the mirror follows them. */
export async function rememberCatalog(session: Session, catalog: Catalog): Promise<void> {
  await session.query(WRITE, [JSON.stringify(catalog)]);
}

/** undefined for a mirror that began before anything was remembered. */
export async function rememberedCatalog(session: Session): Promise<Catalog | undefined> {
  const text = (await session.query(READ)).rows[0]?.catalog;
  return text == null ? undefined : ((JSON.parse(text) as Catalog | null) ?? undefined);
}

/** What is different; names in the order of `now`. */
export function ahead(before: Catalog, now: Catalog, plan: Plan): Ahead {
  const found = {
    newTables: now.others.filter(name => !before.others.includes(name)),
    newColumns: [] as string[],
    broken: [] as string[],
    rewritten: [] as string[],
  };
  for (const { target, columns } of plan.tables) {
    const [was, is] = [own(before.tables, target), own(now.tables, target)];
    if (is === undefined) found.broken.push(target);
    if (was === undefined || is === undefined) continue;
    const replicated = new Set(columns.map(column => column.target));
    for (const [name, type] of Object.entries(is.columns)) {
      const before = own(was.columns, name);
      if (before === undefined) found.newColumns.push(`${target}.${name}`);
      else if (before !== type && replicated.has(name)) found.broken.push(`${target}.${name}`);
    }
    for (const name of replicated) if (own(is.columns, name) === undefined) found.broken.push(`${target}.${name}`);
    if (was.file !== is.file) found.rewritten.push(target);
  }
  return found;
}

/** What to remember once the tables are copied anew: SQLite has the values of `now`, and still no place for what it had none for. */
export const copied = (before: Catalog, now: Catalog): Catalog => ({
  ...before,
  tables: Object.fromEntries(
    Object.entries(now.tables).map(([name, { file, columns }]) => [name, { file, columns: own(before.tables, name)?.columns ?? columns }]),
  ),
});

const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;
