/* Whether an installation is one that this version makes: what is missing later would fail in the middle of something else. */
import { template } from '../../change/template.ts';
import type { Session } from '../session/open.ts';

const LACKING = /* sql */ `
  select distinct case when to_regclass('attacca.' || wanted.relation) is null then wanted.relation else wanted.relation || '.' || wanted.attribute end as name
  from unnest($1::text[], $2::text[]) as wanted(relation, attribute)
  where to_regclass('attacca.control') is not null and not exists (
    select from pg_attribute a where a.attrelid = to_regclass('attacca.' || wanted.relation) and a.attname = wanted.attribute and not a.attisdropped)
  order by 1`;

/** Tables and columns of attacca's own that are not there, where there is an installation: an older version made it, or somebody dropped them. */
export async function missingParts(session: Session): Promise<string[]> {
  const parts = [...partsOf(template('postgres/install.sql', {}))];
  const { rows } = await session.query(LACKING, [parts.map(([table]) => table), parts.map(([, column]) => column)]);
  return rows.map(({ name }) => name ?? '');
}

function* partsOf(script: string): Generator<readonly [table: string, column: string]> {
  for (const [, table = '', body = ''] of script.matchAll(/^create table attacca\.(\w+) \(\n([\s\S]*?)^\)/gm))
    for (const [, column = ''] of body.matchAll(/^ {2}"?(\w+)"? \w/gm)) yield [table, column];
}
