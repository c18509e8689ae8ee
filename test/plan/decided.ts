import Database from 'better-sqlite3';
import { decide } from '../../src/plan/decide.ts';
import { dispositions } from '../../src/plan/objects/dispositions.ts';
import { type Asked, profile } from '../../src/sqlite/profile/profile.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';

/** Makes a database with this SQL and decides its plan. */
export function decided(
  sql: string,
  options: { readonly exclude?: readonly string[]; readonly unsafe?: boolean; readonly asked?: Asked } = {},
) {
  const db = new Database(':memory:').defaultSafeIntegers(true);
  db.exec(sql);
  const schema = readSchema(db);
  const stats = profile(db, schema, undefined, options.asked);
  const { plan, findings } = decide(schema, stats, { exclude: options.exclude ?? [] });
  const table = (name: string) => plan.tables.find(candidate => candidate.name === name)!;
  return {
    db,
    schema,
    stats,
    plan,
    findings,
    table,
    column: (name: string, column: string) => table(name).columns.find(candidate => candidate.name === column)!,
    codes: findings.map(({ code }) => code),
    about: (code: string) => findings.filter(finding => finding.code === code),
    objects: dispositions(schema, plan, findings),
  };
}
