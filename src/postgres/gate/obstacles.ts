/*
 * What in Postgres stands in the way of a switch, beyond what preflight knows: looked at by every gate, by name and with the remedy [G9].
 * Reads catalogs only.
 */
import type { Blocker } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import { keyColumns, type Plan, targetsOf } from '../../plan/plan.ts';
import type { PgRecord, Session } from '../session/open.ts';

const TABLES = /* sql */ `
  select c.oid, c.relname, c.relreplident from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = any($2)`;

const NOT_VALID = /* sql */ `
  select k.conname as name, t.relname as "table" from pg_constraint k join (${TABLES}) t on t.oid = k.conrelid where not k.convalidated order by 2, 1`;

/** Constraints that nobody has checked against every row. Those that attacca brings come later, and are checked then. */
export async function notValid(session: Session, plan: Plan): Promise<Blocker[]> {
  const { rows } = await session.query(NOT_VALID, targetsOf(plan));
  return rows.map(({ name, table }) => ({
    code: 'not-valid',
    reason: `the constraint ${name} of ${plan.schema}.${table} is NOT VALID: rows that break it may be there`,
    remedy: `alter table ${plan.schema}.${table} validate constraint ${name}; or drop it`,
  }));
}

const IDENTITIES = /* sql */ `
  select t.relname as "table", t.relreplident as kind,
    coalesce((select json_agg(a.attname) from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
      where i.indrelid = t.oid and case t.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident else false end), '[]') as columns
  from (${TABLES}) t`;

/** Tables whose updates and deletes would come out of the stream without the key that the mirror finds rows by. */
export async function identities(session: Session, plan: Plan): Promise<Blocker[]> {
  const { rows } = await session.query(IDENTITIES, targetsOf(plan));
  const found = new Map(rows.map(row => [row.table, row]));
  return plan.tables.flatMap(table => {
    const { kind, columns } = found.get(table.target) ?? { kind: null, columns: '[]' };
    const known: unknown[] = JSON.parse(columns ?? '[]');
    if (kind === 'f' || (kind !== null && keyColumns(table).every(({ target }) => known.includes(target)))) return [];
    const name = `${plan.schema}.${table.target}`;
    return [
      {
        code: 'replica-identity',
        reason: kind === null ? `the table ${name} is not there` : `the replica identity of ${name} does not contain its key`,
        remedy: kind === null ? 'restore it, or begin anew' : `alter table ${name} replica identity full`,
      },
    ];
  });
}

/** Whether a role may read and write the table `t`. `role`: its oid in SQL, and a comma; absent: the session's own. */
const mayWrite = (role = ''): string =>
  ['select', 'insert', 'update', 'delete'].map(right => `has_table_privilege(${role}t.oid, '${right}')`).join(' and ');

const OUT_OF_REACH = /* sql */ `
  select t.relname as "table", current_user as role, pg_get_userbyid(c.relowner) as owner, pg_has_role(c.relowner, 'USAGE') as owned,
    ${mayWrite()} as allowed, row_security_active(t.oid) as hidden
  from (${TABLES}) t join pg_class c on c.oid = t.oid order by 1`;

/** Tables that attacca's role may no longer read or change, since somebody gave them away, took a right back, or hid rows from it. */
export async function outOfReach(session: Session, plan: Plan): Promise<Blocker[]> {
  const { rows } = await session.query(OUT_OF_REACH, targetsOf(plan));
  return rows.flatMap(({ table, role, owner, owned, allowed, hidden }) => {
    const name = `${plan.schema}.${table}`;
    const block = (reason: string, remedy: string): Blocker[] => [{ code: 'privileges', reason, remedy }];
    if (owned !== 't') return block(`the role ${role} does not own ${name} any more: ${owner} does`, `grant ${owner} to ${role}`);
    if (allowed !== 't')
      return block(`the role ${role} may not read and write ${name}`, `grant select, insert, update, delete on ${name} to ${role}`);
    if (hidden !== 't') return [];
    return block(
      `row security hides rows of ${name} from the role ${role}`,
      `alter role ${role} bypassrls; or alter table ${name} no force row level security`,
    );
  });
}

/** A sequence of an identity column needs no right of its own. */
const BARRED = /* sql */ `
  select r.name as role, a.oid is not null as there,
    case when has_schema_privilege(a.oid, $1, 'usage') then (
      select string_agg($1 || '.' || t.relname, ', ' order by t.relname) from (${TABLES}) t
      where not (${mayWrite('a.oid, ')})
        or exists (select from pg_depend d join pg_sequence s on s.seqrelid = d.objid
          where d.refobjid = t.oid and d.deptype = 'a' and not has_sequence_privilege(a.oid, s.seqrelid, 'usage')))
    else 'the schema ' || $1 end as barred
  from unnest($3::text[]) r(name) left join pg_roles a on a.rolname = r.name`;

/** Roles of the application that could not work once Postgres is primary. `roles`: their names. */
export async function barred(session: Session, plan: Plan, roles: readonly string[]): Promise<Blocker[]> {
  if (roles.length === 0) return [];
  const { rows } = await session.query(BARRED, [...targetsOf(plan), roles]);
  return rows.flatMap(({ role, there, barred }) => {
    const block = (reason: string, remedy: string): Blocker[] => [{ code: 'application-role', reason, remedy }];
    if (there !== 't') return block(`Postgres has no role ${role}, which cutover.roles names`, 'create it, or correct cutover.roles');
    if (barred === null) return [];
    const [schema, to] = [quote(plan.schema), quote(role ?? '')];
    return block(
      `the application's role ${role} may not read and write ${barred}`,
      `grant usage on schema ${schema} to ${to}; grant select, insert, update, delete on all tables in schema ${schema} to ${to}; grant usage on all sequences in schema ${schema} to ${to}`,
    );
  });
}

const FIRING = /* sql */ `
  select g.tgrelid::regclass as "table", quote_ident(g.tgname) as name
  from (${TABLES}) t left join lateral pg_partition_tree(t.oid) p on true join pg_trigger g on g.tgrelid = coalesce(p.relid, t.oid)
  where not g.tgisinternal and g.tgenabled = any($3) and g.tgfoid is distinct from to_regproc('attacca.fence') order by 1::text, 2`;

/** Triggers of the application that would fire for whatever attacca applies after a rollback: with replica role only those that somebody told to. */
export async function firing(session: Session, plan: Plan, replicaRole: boolean): Promise<Blocker[]> {
  const { rows } = await session.query(FIRING, [...targetsOf(plan), replicaRole ? '{A,R}' : '{O,A}']);
  return rows.map(({ table, name }) => ({
    code: 'target-trigger-always',
    reason: `the trigger ${name} of ${table} would fire for what attacca writes after the rollback`,
    remedy: replicaRole
      ? `alter table ${table} enable trigger ${name}`
      : `alter table ${table} disable trigger ${name}, until Postgres is primary again; or let the role set session_replication_role`,
  }));
}

/** `prqual` and `prattrs`, a filter of rows and a list of columns, are there from 15 on. */
const PUBLISHED = /* sql */ `
  select c.relname as "table" from pg_publication p join pg_publication_rel r on r.prpubid = p.oid
    join pg_class c on c.oid = r.prrelid join pg_namespace n on n.oid = c.relnamespace
  where p.pubname = $1 and n.nspname = $2 and p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate
    and to_jsonb(r) ->> 'prqual' is null and to_jsonb(r) ->> 'prattrs' is null`;

/** Tables that somebody took out of the mirror's publication, wholly or in part: what is written there goes nowhere. */
export async function unpublished(session: Session, plan: Plan, publication: string): Promise<Blocker[]> {
  const { rows } = await session.query(PUBLISHED, [publication, plan.schema]);
  const there = new Set(rows.map(row => row.table));
  const missing = plan.tables.map(({ target }) => target).filter(target => !there.has(target));
  if (missing.length === 0) return [];
  const reason = `the publication of the mirror lacks ${missing.join(', ')}, or some of the changes there: they do not reach SQLite`;
  return [{ code: 'publication', reason, remedy: 'run `attacca resync`, which restores it and copies the mirror anew' }];
}

const ROUND_THE_FENCE = /* sql */ `
  select 'subscription' as kind, s.subname as who, t.relname as what
  from pg_subscription_rel r join pg_subscription s on s.oid = r.srsubid join (${TABLES}) t on t.oid = r.srrelid
  union all
  select case when setting ilike 'attacca.token=%' then 'token' else 'replica' end,
    coalesce('role ' || r.rolname, 'every role') || coalesce(' in database ' || d.datname, ''), null
  from pg_db_role_setting g cross join unnest(g.setconfig) setting
  left join pg_roles r on r.oid = g.setrole left join pg_database d on d.oid = g.setdatabase
  where (g.setdatabase = 0 or d.datname = current_database()) and (setting ilike 'attacca.token=%' or setting ilike 'session_replication_role=replica')
  order by 1, 2, 3`;

/** Who would write past the fence, or as if constraints were not there. */
export async function bypasses(session: Session, plan: Plan): Promise<Blocker[]> {
  const { rows } = await session.query(ROUND_THE_FENCE, targetsOf(plan));
  return rows.map(bypass);
}

function bypass({ kind, who, what }: PgRecord): Blocker {
  if (kind === 'subscription')
    return {
      code: 'fence-bypass',
      reason: `the subscription ${who} writes to ${what}, and no fence stops its apply worker`,
      remedy: `alter subscription ${who} disable, and drop it or take the table out of it`,
    };
  if (kind === 'token')
    return {
      code: 'fence-bypass',
      reason: `${who} has attacca.token as a default setting: the fence would let all its sessions through`,
      remedy: 'reset that setting (alter role … reset "attacca.token")',
    };
  return {
    code: 'replica-role',
    reason: `${who} has session_replication_role = replica as a default: no foreign key is checked for what its sessions write, no ordinary trigger fires`,
    remedy: 'reset that setting (alter role … reset session_replication_role)',
  };
}
