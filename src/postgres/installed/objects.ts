/*
 * Columns, keys, indexes, constraints and sequences of the replicated tables, as the catalog has them, and as the plan's DDL makes them
 * on this very server: in temporary tables, in a transaction that is rolled back. So nothing is parsed or guessed.
 */
import { ReplicationError } from '../../change/errors.ts';
import type { CatalogObject, SequenceState } from '../../plan/ddl/catalog-object.ts';
import { planStatements, type RefusedObject } from '../../plan/ddl/statements.ts';
import { type Plan, targetsOf } from '../../plan/plan.ts';
import type { Session } from '../session/open.ts';
import { identities } from './sequence.ts';
import { makeAll } from './trial.ts';

/** The schema is left out, whatever it is called: that of temporary tables by its own name (up to Postgres 14), or by `pg_temp`. */
const unqualified = (definition: string, before: string): string =>
  `replace(replace(${definition}, '${before}' || r.space || '.', '${before}'), '${before}pg_temp.', '${before}')`;

const OBJECTS = /* sql */ `
  with relation as (
    select c.oid, c.relname, quote_ident(n.nspname) as space
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.oid = case when $1::text is null then pg_my_temp_schema() else to_regnamespace(quote_ident($1))::oid end
      and c.relname = any($2::text[]) and c.relkind in ('r', 'p'))
  select 'column' as kind, r.relname as table, a.attname as name,
    format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
      || case when a.attidentity = '' then '' else ' identity' end || case when a.attgenerated = '' then '' else ' generated' end
      || coalesce(case when a.attgenerated = '' then ' default ' else ' as ' end || pg_get_expr(d.adbin, d.adrelid), '') as definition
    from relation r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
  union all
  select case k.contype when 'p' then 'key' when 'u' then 'unique' when 'c' then 'CHECK' else 'foreign key' end, r.relname, k.conname,
    ${unqualified("regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', '')", ' REFERENCES ')}
    from relation r join pg_constraint k on k.conrelid = r.oid and k.contype in ('p', 'u', 'c', 'f')
  union all
  select 'index', r.relname, x.relname, ${unqualified("replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ')", ' ON ')}
      || case when i.indisvalid and i.indisready then '' else ' INVALID' end
    from relation r join pg_index i on i.indrelid = r.oid join pg_class x on x.oid = i.indexrelid
    where not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.conrelid = r.oid)
  union all
  select 'sequence', r.relname, a.attname, format('%s by %s from %s to %s, starts at %s, %s at once%s', format_type(s.seqtypid, null), s.seqincrement,
      s.seqmin, s.seqmax, s.seqstart, s.seqcache, case when s.seqcycle then ', in a circle' else '' end)
    from relation r join pg_attribute a on a.attrelid = r.oid join pg_depend d on d.refobjid = r.oid and d.refobjsubid = a.attnum
      and d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
    join pg_sequence s on s.seqrelid = d.objid
  order by 1, 2, 3`;

const VIEWS = /* sql */ `
  select 'view' as kind, relname as table, relname as name, '' as definition from pg_class
  where relnamespace = to_regnamespace(quote_ident($1)) and relkind = 'v'`;

const objectsOf = (rows: readonly object[]): CatalogObject[] => rows as CatalogObject[];

/** What is there. */
export async function readObjects(session: Session, plan: Plan): Promise<CatalogObject[]> {
  const tables = await session.query(OBJECTS, targetsOf(plan));
  const views = await session.query(VIEWS, [plan.schema]);
  return objectsOf([...tables.rows, ...views.rows]);
}

const REFUSED = /* sql */ `select substr(object, 9) as text from attacca.witness where object like 'refused:%'`;
const TEMPORARY = 'pg_temp';

/** What the plan says, without what Postgres has refused to make before. Nothing is left behind. */
export async function plannedObjects(session: Session, plan: Plan): Promise<CatalogObject[]> {
  const refused = new Set((await session.query(REFUSED)).rows.map(({ text }) => text));
  const lists = planStatements({ ...plan, schema: TEMPORARY });
  const real = planStatements(plan);
  const wanted = lists.map((list, place) =>
    list.filter(({ kind }, index) => kind !== 'view' && !refused.has(real[place]?.[index]?.text ?? '')),
  );
  const views = (real.at(-1) ?? []).filter(({ kind, text }) => kind === 'view' && !refused.has(text));
  await session.query('begin');
  try {
    const table = (await makeAll(session, wanted)).find(({ kind }) => kind === 'table');
    if (table !== undefined) throw incomparable(table);
    const { rows } = await session.query(OBJECTS, [null, plan.tables.map(({ target }) => target)]);
    return [...objectsOf(rows), ...views.map(({ name }) => ({ kind: 'view' as const, table: name, name, definition: '' }))];
  } finally {
    await session.query('rollback');
  }
}

/** The tables are there: that they cannot be made again says nothing of them, and nothing would be compared. */
const incomparable = ({ name, reason }: RefusedObject): ReplicationError =>
  new ReplicationError('halt', `what has to be in Postgres cannot be made there to compare with it: table ${name}: ${reason}`, {
    hint: 'attacca makes it in temporary tables that are rolled back; let its role do that',
  });

const REMEMBER = /* sql */ `
  insert into attacca.witness (object, state)
  select 'object:' || (o ->> 'kind') || ':' || (o ->> 'table') || ':' || (o ->> 'name'), o::text from json_array_elements($1::json) o
  on conflict (object) do update set state = excluded.state`;
const REMEMBERED = /* sql */ `select state from attacca.witness where object like 'object:%'`;

/** Keeps what is there as what has to be there: tables that are the application's are as its migrations made them. */
export async function rememberObjects(session: Session, plan: Plan): Promise<void> {
  await keepObjects(
    session,
    (await readObjects(session, plan)).filter(({ kind }) => kind !== 'view'),
  );
  await session.query(REMEMBER_SEQUENCES, identitiesOf(plan));
}

/** Keeps these as what has to be there. */
export async function keepObjects(session: Session, objects: readonly CatalogObject[]): Promise<void> {
  await session.query(REMEMBER, [JSON.stringify(objects)]);
}

/** What was there when attacca came. */
export async function rememberedObjects(session: Session): Promise<CatalogObject[]> {
  return (await session.query(REMEMBERED)).rows.map(({ state }) => JSON.parse(state ?? '') as CatalogObject);
}

const SEQUENCES = /* sql */ `
  select t.id, t.name, a.attname as column, pg_sequence_last_value(s.seqrelid) as last, w.state
  from unnest($2::integer[], $3::text[], $4::text[]) as t(id, name, col)
  join pg_class c on c.relname = t.name and c.relnamespace = to_regnamespace(quote_ident($1))
  join pg_attribute a on a.attrelid = c.oid and a.attname = t.col
  join pg_depend d on d.refobjid = c.oid and d.refobjsubid = a.attnum and d.classid = 'pg_class'::regclass
    and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
  join pg_sequence s on s.seqrelid = d.objid
  left join attacca.witness w on w.object = 'sequence:' || t.id`;
const REMEMBER_SEQUENCES = /* sql */ `
  insert into attacca.witness (object, state) select 'sequence:' || id, coalesce(last::text, '') from (${SEQUENCES}) s
  on conflict (object) do update set state = excluded.state`;

function identitiesOf(plan: Plan): unknown[] {
  const known = identities(plan);
  return [plan.schema, known.map(({ table }) => table.id), known.map(({ table }) => table.target), known.map(({ column }) => column)];
}

/** The sequences of the identities. One that attacca has not left anywhere yet is where it was made: at its start. */
export async function readSequenceStates(session: Session, plan: Plan): Promise<SequenceState[]> {
  const { rows } = await session.query(SEQUENCES, identitiesOf(plan));
  const number = (text: string | null | undefined): bigint | null => (text == null || text === '' ? null : BigInt(text));
  return rows.map(({ name, column, last, state }) => ({
    table: name ?? '',
    column: column ?? '',
    last: number(last),
    left: number(state),
  }));
}
