/* What a verification has found, as the document that scripts and pages are given. */
import { actor } from '../../../change/actor.ts';
import { redact } from '../../../change/redact.ts';
import { VERSION } from '../../../change/version.ts';
import type { Plan, TablePlan } from '../../../plan/plan.ts';
import type { VerifyDocument } from '../../../server/documents.ts';
import type { Progress, VerifyOptions } from '../../../server/operations.ts';
import type { Verified } from '../../../verify/verify.ts';
import type { Standing } from '../engine.ts';
import type { Catalog } from './catalog.ts';

/** What is to be compared, and for whom. */
export type Work = {
  readonly on: Standing;
  readonly tables: readonly TablePlan[];
  readonly options: VerifyOptions;
  readonly progress: Progress;
  readonly signal: AbortSignal;
};

export type Compared = {
  readonly verified: Verified;
  readonly catalog: Catalog;
  readonly startedAt: string;
  readonly resumed: boolean;
  readonly durationMs: number;
  readonly quarantined: number;
};

export const isEqual = ({ verified, catalog }: Pick<Compared, 'verified' | 'catalog'>): boolean =>
  verified.ok && catalog.problems.length === 0;

/** Its rows cannot be compared then: what is missing is said instead. */
export const lacksColumns = ({ problems }: Catalog, { target }: TablePlan): boolean =>
  problems.some(({ kind, table, problem }) => kind === 'column' && table === target && problem === 'missing');

/** Names in SQLite of the tables whose fence somebody has touched. */
export function rogueTables(plan: Plan, { problems }: Catalog): ReadonlySet<string> {
  const touched = new Set(problems.filter(({ kind }) => kind === 'fence').map(({ table }) => table));
  // A replaced function stands for all of them.
  return new Set(plan.tables.filter(({ target }) => touched.has('') || touched.has(target)).map(({ name }) => name));
}

/** The document. `repaired`: rows that were copied again before. */
export function document(
  { verified, catalog, startedAt, resumed, durationMs, quarantined }: Compared,
  { tables, on, options }: Work,
  repaired: number,
): VerifyDocument {
  const rogue = rogueTables(on.plan, catalog);
  const sum = (pick: (table: Verified['tables'][number]) => number): number =>
    verified.tables.reduce((total, table) => total + pick(table), 0);
  return {
    ok: isEqual({ verified, catalog }),
    kind: tables.length === on.plan.tables.length ? 'full' : 'tables',
    source: on.engine.config.source,
    target: redact(on.engine.url),
    position: String(verified.position.seq),
    lsn: verified.lsn,
    from: String(verified.start),
    startedAt,
    resumed,
    durationMs: Math.round(durationMs),
    by: options.by ?? actor(),
    version: VERSION,
    rows: sum(table => table.counts?.sourceRows ?? table.compared),
    differences: sum(table => table.differences),
    repaired,
    quarantined,
    objectsCompared: catalog.compared,
    objects: [...catalog.problems],
    tables: verified.tables.map(table => ({
      ...table,
      samples: table.samples.map(sample => ({ ...sample, columns: [...sample.columns], rogue: rogue.has(sample.table) })),
    })),
  };
}
