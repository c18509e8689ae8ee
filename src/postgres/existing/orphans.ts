/*
 * Foreign keys of tables that the application's own migrations made: they stand as validated, but nothing checked what attacca wrote.
 */
import type { Blocker } from '../../change/errors.ts';
import { type Plan, targetsOf } from '../../plan/plan.ts';
import { LONG_MS, type Session } from '../session/open.ts';

const KEYS = /* sql */ `
  select f.conname as name, f.conrelid::regclass as child, f.confrelid::regclass as parent,
    (select string_agg(format('c.%I is not null', a.attname), ' and ') from unnest(f.conkey) k join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k) as filled,
    (select string_agg(format('p.%I = c.%I', b.attname, a.attname), ' and ') from unnest(f.conkey, f.confkey) as k(own, other)
      join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.own join pg_attribute b on b.attrelid = f.confrelid and b.attnum = k.other) as same
  from pg_constraint f join pg_class c on c.oid = f.conrelid join pg_namespace n on n.oid = c.relnamespace
  where f.contype = 'f' and f.convalidated and n.nspname = $1 and c.relname = any($2) order by 2, 1`;

/** A blocker for each foreign key that rows violate. Reads every row that has one. */
export async function orphans(session: Session, plan: Plan): Promise<Blocker[]> {
  const { rows } = await session.query(KEYS, targetsOf(plan));
  const found: Blocker[] = [];
  for (const { name, child, parent, filled, same } of rows) {
    const text = `select count(*) as n from ${child} c where ${filled} and not exists (select from ${parent} p where ${same})`;
    const count = (await session.query({ text, limitMs: LONG_MS })).rows[0]?.n ?? '0';
    if (count === '0') continue;
    found.push({
      code: 'target-orphans',
      reason: `${count} rows of ${child} have no parent in ${parent}, and the foreign key ${name} says that they have`,
      remedy: 'correct the rows in SQLite, or replace the constraint in Postgres by one that is NOT VALID',
    });
  }
  return found;
}
