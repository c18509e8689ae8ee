/*
 * What becomes of a value that does not fit its column, asked for in the plan file, column by column.
 *
 * `quarantine`: its row waits there; this also lets a column have a codec that a few of its stored values do not fit. `widen`: the
 * column becomes wider by itself. `refuse`: attacca halts before it commits. `repair`: malformed JSON is repaired by stated rules,
 * and a number loses what arithmetic in floating point left behind its places.
 */
import type { Misfit } from '../../change/change.ts';
import { isRepairing } from '../codecs/repairing.ts';
import { finding } from '../codes.ts';
import { contradiction } from '../column/contradiction.ts';
import type { Finding } from '../finding.ts';
import type { ColumnPlan, Plan, TablePlan } from '../plan.ts';
import type { ColumnStats, Profile } from '../schema.ts';

export type Policy = NonNullable<ColumnPlan['misfits']>;

/** The column with this policy that a misfit is about; one of the table's where nobody knows which column it was. */
export function columnUnder(policy: Policy, { columns }: TablePlan, { column }: Pick<Misfit, 'column'>): ColumnPlan | undefined {
  const candidates = columns.filter(({ misfits }) => misfits === policy);
  return column === '' ? candidates[0] : candidates.find(({ name, target }) => name === column || target === column);
}

/** The codec that repairs what this one would not take; undefined where there is none. `base`: the type of a column of the application's own. */
export function repairing(codec: string, base = ''): string | undefined {
  const places = /^numeric\(\d+,(\d+)\)$/.exec(base)?.[1];
  if (codec.startsWith('decimal')) return places === undefined ? undefined : `decimal(${places} places)`;
  return /^jsonb?$/.test(codec) ? `${codec}(repaired)` : isRepairing(codec) ? codec : undefined;
}

/** Whether a column may have a codec that only some of its stored values fit. */
export function tolerates(policy: Policy | undefined, codec: string, stats: ColumnStats | undefined): boolean {
  const misfits = stats?.trials?.[codec]?.misfits;
  if (policy !== 'quarantine' || stats === undefined || misfits === undefined) return false;
  return misfits < stats.integers + stats.reals + stats.texts + stats.blobs;
}

/** The table as it begins anew, with the policies that its columns had. JSON is repaired only where it still is JSON. */
export function withPolicies(table: TablePlan, former: TablePlan | undefined): TablePlan {
  if (former === undefined) return table;
  const policies = new Map(former.columns.map(({ name, misfits }) => [name, misfits]));
  const columns = table.columns.map(column => {
    const misfits = policies.get(column.name);
    const codec = misfits === 'repair' ? repairing(column.codec) : column.codec;
    return misfits === undefined || codec === undefined ? column : { ...column, codec, misfits };
  });
  return { ...table, columns };
}

/** Stored values that go to quarantine, because the plan file says so. */
export function expectedMisfits({ tables }: Plan, profile: Profile): Finding[] {
  return tables.flatMap(table =>
    table.columns.flatMap((column): Finding[] => {
      const stats = profile[table.name]?.columns.find(({ name }) => name === column.name);
      if (stats === undefined || column.misfits !== 'quarantine') return [];
      const against = contradiction(column.codec, column.affinity, stats);
      if (against === undefined) return [];
      const message = `It becomes ${column.type} as the plan file says, although ${against}: those rows go to quarantine.`;
      const count = stats.trials?.[column.codec]?.misfits ?? 1;
      return [finding('misfits-expected', { table: table.name, column: column.name, message, count, samples: stats.samples })];
    }),
  );
}
