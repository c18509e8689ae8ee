/*
 * Rows that do not fit. Each is absent from its table as a whole, counted and shown here, until it changes and fits [G4].
 */
import type { Misfit, Slice } from '../../change/change.ts';
import { keyName, nullNames } from '../../plan/codec.ts';
import { keyOf, type TablePlan } from '../../plan/plan.ts';
import type { Session } from '../session/open.ts';
import { arrayText, type Step } from '../session/round-trip.ts';

export type Quarantined = {
  readonly id: bigint;
  /** TablePlan.id */
  readonly table: number;
  readonly tableName: string;
  /** Misfit.key: what to mark again in SQLite for another try. */
  readonly key: string;
  /** Empty where Postgres does not say which one it was. */
  readonly column: string;
  readonly reason: string;
  readonly at: string;
};

const PUT = /* sql */ `
  insert into attacca.quarantine (table_id, table_name, key, digest, "column", reason, raw)
  select $1, $2, m.key, sha256(convert_to(m.key, 'UTF8')), m.col, m.reason, m.raw
  from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as m(key, col, reason, raw)
  on conflict (table_id, digest) do update set "column" = excluded."column", reason = excluded.reason, raw = excluded.raw, given_up = false, at = now()`;

/** Adds rows of one table, or renews their reasons. */
export async function put(session: Session, table: TablePlan, misfits: readonly Misfit[]): Promise<void> {
  if (misfits.length === 0) return;
  // One row may be refused for several reasons; it stands here once.
  const once = [...new Map(misfits.map(misfit => [misfit.key, misfit])).values()];
  const column = (field: 'key' | 'column' | 'reason' | 'raw') => once.map(misfit => misfit[field]);
  await session.query(PUT, [table.id, table.target, column('key'), column('column'), column('reason'), column('raw')]);
}

const REMOVE = /* sql */ `
  delete from attacca.quarantine where table_id = $1::integer and digest in (select sha256(convert_to(k, 'UTF8')) from unnest($2::text[]) as k)`;

const REMOVE_NULLS = /* sql */ `
  delete from attacca.quarantine where table_id = $1::integer and exists (select from unnest($2::text[]) as start where starts_with(key, start))`;

/** Takes out what fits again, and what is gone. */
export function removals(table: TablePlan, { rows, gone, vanished = [] }: Slice): Step[] {
  const settled = [...gone, ...rows.map(row => keyOf(table, row))].map(key => keyName(table, key));
  const nulls = vanished.flatMap(name => nullNames(name) ?? []);
  const step = { text: REMOVE, values: [String(table.id), arrayText([...settled, ...vanished])] };
  return nulls.length === 0 ? [step] : [step, { text: REMOVE_NULLS, values: [String(table.id), arrayText(nulls)] }];
}

/** Takes out every row of a table: it is about to be replaced whole. */
export async function removeAll(session: Session, table: number): Promise<void> {
  await session.query(/* sql */ `delete from attacca.quarantine where table_id = $1`, [table]);
}

/** Rows that somebody has to do something about. */
export async function count(session: Session): Promise<number> {
  const { rows } = await session.query<{ n: string }>(/* sql */ `select count(*) as n from attacca.quarantine where not given_up`);
  return Number(rows[0]?.n ?? 0);
}

const LIST = /* sql */ `
  select id, table_id, table_name, key, "column", reason, at from attacca.quarantine
  where not given_up order by id limit $1`;

export type QuarantinedColumn = {
  /** TablePlan.id */
  readonly table: number;
  readonly column: string;
  readonly rows: number;
  /** Of the newest. */
  readonly reason: string;
  /** The first two characters of the refused values, each once: what tags begin with. */
  readonly tags: readonly string[];
};

const BY_COLUMN = /* sql */ `
  select table_id, "column", count(*) as rows, (array_agg(reason order by at desc, id desc))[1] as reason,
    string_agg(distinct left(raw, 2), ' ') as tags
  from attacca.quarantine where not given_up group by table_id, "column" order by table_id, "column"`;

/** What waits in quarantine, column by column. No value is among it. */
export async function columns(session: Session): Promise<QuarantinedColumn[]> {
  const { rows } = await session.query(BY_COLUMN);
  return rows.map(row => ({
    table: Number(row.table_id),
    column: row.column ?? '',
    rows: Number(row.rows),
    reason: row.reason ?? '',
    tags: (row.tags ?? '').split(' ').filter(tag => tag !== ''),
  }));
}

/** Oldest first, and no more than `limit` if that is given. Without the refused values, which may be many and large. */
export async function list(session: Session, limit: number | null = null): Promise<Quarantined[]> {
  const { rows } = await session.query(LIST, [limit]);
  return rows.map(row => ({
    id: BigInt(row.id ?? 0),
    table: Number(row.table_id),
    tableName: row.table_name ?? '',
    key: row.key ?? '',
    column: row.column ?? '',
    reason: row.reason ?? '',
    at: new Date(row.at ?? '').toISOString(),
  }));
}

/** Names (Misfit.key) of a table's rows in quarantine, also of those that were given up. */
export async function keys(session: Session, table: number): Promise<ReadonlySet<string>> {
  const { rows } = await session.query<{ key: string }>(/* sql */ `select key from attacca.quarantine where table_id = $1`, [table]);
  return new Set(rows.map(row => row.key));
}

/** Gives rows up: they stay absent from the target and stand in nobody's way, until they change. Returns how many there were. */
export async function drop(session: Session, ids: readonly bigint[]): Promise<number> {
  const given = /* sql */ `update attacca.quarantine set given_up = true where id = any($1) and not given_up`;
  const { rowCount } = await session.query(given, [ids.map(String)]);
  return rowCount ?? 0;
}
