/*
 * What the application's own migrations have made in Postgres, read from its catalog. Reads only.
 */
import { quote } from '../../change/quote.ts';
import type { TargetColumn, TargetRelation, TargetSchema, TargetUnique } from '../../plan/existing/target.ts';
import { preflight } from '../gate/preflight.ts';
import type { PgRecord, Session } from '../session/open.ts';

const INSTALLED = /* sql */ `select to_regclass('attacca.control') is not null as ours`;

/** A table of a partition or inheritance tree could be written past the fence of its parent, or of its children. */
const RELATIONS = /* sql */ `
  select c.oid, c.relname as name,
    case when c.relkind in ('v', 'm') then 'a view' when c.relkind = 'f' then 'a foreign table' when c.relkind = 'p' then 'partitioned'
      when c.relkind <> 'r' then 'no table'
      when c.relispartition or exists (select from pg_inherits h where c.oid in (h.inhrelid, h.inhparent)) then 'part of an inheritance tree'
      when c.relpersistence <> 'p' then 'not logged' end as strange,
    pg_has_role(c.relowner, 'MEMBER') as owned,
    row_security_active(c.oid) as row_security, c.relreplident as identity,
    array_to_json(array(select a.attname::text from pg_attribute a join pg_index i on i.indrelid = c.oid and a.attrelid = c.oid
      where a.attnum = any(i.indkey) and (c.relreplident = 'd' and i.indisprimary or c.relreplident = 'i' and i.indisreplident))) as identified
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and lower(c.relname::text) in (select lower(name) from unnest($2::text[]) as wanted(name)) and c.relkind in ('r', 'p', 'v', 'm', 'f') order by c.relname`;

const COLUMNS = /* sql */ `
  with recursive types as (
    select t.oid, t.oid as base, -1 as mod, false as checked, false as required from pg_type t
    where t.oid in (select atttypid from pg_attribute where attrelid = any($1::oid[]) and attnum > 0 and not attisdropped)
    union all
    select s.oid, d.typbasetype, case when d.typtypmod >= 0 then d.typtypmod else s.mod end,
      s.checked or exists (select from pg_constraint k where k.contypid = d.oid and k.contype = 'c'), s.required or d.typnotnull
    from types s join pg_type d on d.oid = s.base where d.typtype = 'd')
  select a.attrelid as relation, a.attname as name, a.atttypid as oid, format_type(a.atttypid, -1) as type,
    case when b.typtype = 'e' then 'enum' when b.typcategory = 'A' then 'array' when b.typname = 'citext' then 'citext'
      when b.typtype <> 'b' or b.typnamespace <> 'pg_catalog'::regnamespace then 'other'
      else format_type(s.base, case when a.atttypmod >= 0 then a.atttypmod when s.mod >= 0 then s.mod end) end as base,
    s.checked, b.typname = 'citext' or coalesce(not l.collisdeterministic, false) as folds, a.attnotnull or s.required as required,
    a.atthasdef or a.attidentity <> '' as fills, a.attgenerated <> '' as generated, a.attidentity as identity,
    pg_get_serial_sequence(a.attrelid::regclass::text, a.attname) is not null as sequence
  from pg_attribute a join types s on s.oid = a.atttypid join pg_type b on b.oid = s.base and b.typtype <> 'd'
  left join pg_collation l on l.oid = a.attcollation
  where a.attrelid = any($1::oid[]) and a.attnum > 0 and not a.attisdropped order by a.attrelid, a.attnum`;

const UNIQUES = /* sql */ `
  select i.indrelid as relation, x.relname as name, i.indpred is not null as partial, not i.indimmediate as deferrable,
    array_to_json(case when i.indexprs is null then array(select a.attname::text from pg_attribute a
      where a.attrelid = i.indrelid and a.attnum = any((i.indkey::smallint[])[0:i.indnkeyatts - 1])) else '{}' end) as columns
  from pg_index i join pg_class x on x.oid = i.indexrelid
  where i.indrelid = any($1::oid[]) and i.indisunique and i.indisvalid order by 1, 2`;

const CONSTRAINTS = /* sql */ `
  select conrelid as relation, conname as name, contype as kind from pg_constraint
  where conrelid = any($1::oid[]) and contype in ('c', 'x', 'f') order by 1, 2`;

/** Foreign keys' own triggers are internal. */
const TRIGGERS = /* sql */ `
  select tgrelid as relation, tgname as name, tgenabled in ('A', 'R') as always from pg_trigger
  where tgrelid = any($1::oid[]) and not tgisinternal and tgenabled <> 'D' order by 1, 2`;

/** Describes the relations of these names, letter case aside; undefined where attacca is installed: those are its own. */
export async function readTarget(session: Session, schema: string, names: readonly string[]): Promise<TargetSchema | undefined> {
  if ((await session.query(INSTALLED)).rows[0]?.ours === 't') return undefined;
  const { rows: relations } = await session.query(RELATIONS, [schema, names]);
  const oids = [`{${relations.map(({ oid }) => oid).join(',')}}`];
  const columns = await session.query(COLUMNS, oids);
  const uniques = await session.query(UNIQUES, oids);
  const constraints = await session.query(CONSTRAINTS, oids);
  const triggers = await session.query(TRIGGERS, oids);
  const described: TargetRelation[] = [];
  for (const relation of relations) {
    const own = (rows: readonly PgRecord[]): PgRecord[] => rows.filter(row => row.relation === relation.oid);
    const named = (kinds: string): string[] =>
      own(constraints.rows)
        .filter(({ kind }) => kinds.includes(kind ?? ''))
        .map(({ name }) => name ?? '');
    described.push({
      name: relation.name ?? '',
      strange: relation.strange ?? null,
      owned: relation.owned === 't',
      rowSecurity: relation.row_security === 't',
      filled: relation.strange == null && relation.owned === 't' && (await isFilled(session, schema, relation.name ?? '')),
      columns: own(columns.rows).map(columnOf),
      uniques: own(uniques.rows).map(uniqueOf),
      replicaIdentity: relation.identity === 'f' ? null : list(relation.identified),
      checks: named('cx'),
      foreignKeys: named('f'),
      triggers: own(triggers.rows).map(({ name, always }) => ({ name: name ?? '', always: always === 't' })),
    });
  }
  return { schema, relations: described, replicaRole: (await preflight(session, schema)).replicaRole };
}

async function isFilled(session: Session, schema: string, name: string): Promise<boolean> {
  const { rowCount } = await session.query(`select from ${quote(schema)}.${quote(name)} limit 1`);
  return rowCount !== 0;
}

const list = (json: string | null | undefined): string[] => JSON.parse(json ?? '[]') as string[];

const columnOf = (row: PgRecord): TargetColumn => ({
  name: row.name ?? '',
  type: row.type ?? '',
  oid: Number(row.oid),
  base: row.base ?? 'other',
  checked: row.checked === 't',
  folds: row.folds === 't',
  notNull: row.required === 't',
  fills: row.fills === 't',
  generated: row.generated === 't',
  identity: row.identity === 'a' ? 'always' : row.identity === 'd' ? 'by default' : null,
  sequence: row.sequence === 't',
});

const uniqueOf = (row: PgRecord): TargetUnique => ({
  name: row.name ?? '',
  columns: list(row.columns),
  partial: row.partial === 't',
  deferrable: row.deferrable === 't',
});
