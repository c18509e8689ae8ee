/* Everything that both databases and the folder say about themselves: what must be the same before and after. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import type { TestPostgres } from './postgres.ts';

const OWN = `nspname !~ '^pg_' and nspname <> 'information_schema'`;
const NAMESPACES = `(select oid from pg_namespace where ${OWN})`;

/** One line of text for each object; the database's own and those of the cluster that name it. */
const CATALOG: Readonly<Record<string, string>> = {
  schema: `select nspname || coalesce(nspacl::text, '') from pg_namespace where ${OWN}`,
  relation: `select n.nspname || '.' || relname || ' ' || relkind::text || relreplident::text || coalesce(relacl::text, '') || coalesce(reloptions::text, '')
    from pg_class c join pg_namespace n on n.oid = relnamespace where ${OWN}`,
  column: `select attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod) || attnotnull || attidentity::text || attgenerated::text
    || coalesce(pg_get_expr(d.adbin, d.adrelid), '') from pg_attribute a join pg_class c on c.oid = attrelid and relnamespace in ${NAMESPACES}
    left join pg_attrdef d on d.adrelid = attrelid and d.adnum = attnum where attnum > 0 and not attisdropped`,
  constraint: `select conrelid::regclass || '.' || conname || ' ' || pg_get_constraintdef(oid) || convalidated from pg_constraint where connamespace in ${NAMESPACES}`,
  index: `select pg_get_indexdef(indexrelid) from pg_index join pg_class c on c.oid = indexrelid where relnamespace in ${NAMESPACES}`,
  trigger: `select pg_get_triggerdef(t.oid) || tgenabled::text from pg_trigger t join pg_class c on c.oid = tgrelid and relnamespace in ${NAMESPACES} where not tgisinternal`,
  function: `select oid::regprocedure::text from pg_proc where pronamespace in ${NAMESPACES}`,
  type: `select oid::regtype::text from pg_type where typnamespace in ${NAMESPACES}`,
  comment: `select classoid::regclass || ' ' || description from pg_description where objoid >= 16384`,
  publication: `select pubname::text from pg_publication`,
  subscription: `select subname::text from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())`,
  slot: `select slot_name::text from pg_replication_slots where database = current_database()`,
  'event trigger': `select evtname::text from pg_event_trigger`,
  extension: `select extname::text from pg_extension`,
  setting: `select setconfig::text from pg_db_role_setting where setdatabase = (select oid from pg_database where datname = current_database())`,
  'default right': `select defaclacl::text from pg_default_acl`,
  lock: `select classid || ' ' || objid from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
  'large object': `select oid::text from pg_largeobject_metadata`,
};

/** Every object of the database, as lines. */
export async function tracesInPostgres(pg: TestPostgres): Promise<string[]> {
  const lines: string[] = [];
  for (const [kind, query] of Object.entries(CATALOG))
    for (const row of await pg.query(`select line from (${query}) as q(line) order by 1`)) lines.push(`${kind}: ${row.line}`);
  return lines;
}

const PRAGMAS = ['user_version', 'application_id', 'journal_mode', 'auto_vacuum', 'encoding', 'page_size'];

/** The schema in the order in which it was made (triggers by themselves, since it is the order in which they fire), the settings that the file keeps, and AUTOINCREMENT's numbers. */
export function tracesInSqlite(db: Database.Database): unknown {
  const has = db.prepare(`select 1 from sqlite_schema where name = 'sqlite_sequence'`).get() !== undefined;
  return {
    schema: db.prepare(`select type, name, tbl_name, sql from sqlite_schema order by type = 'trigger', rowid`).raw().all(),
    settings: PRAGMAS.map(name => db.pragma(name)),
    sequence: has ? db.prepare('select name, seq from sqlite_sequence order by name').raw().all() : [],
  };
}

/** What lies beside the file, but for the backups. */
export const tracesBeside = (source: string): string[] =>
  existsSync(dirname(source))
    ? readdirSync(dirname(source), { recursive: true, encoding: 'utf8' })
        .filter(name => !/^\.attacca\/backups\//.test(name))
        .sort()
    : [];
