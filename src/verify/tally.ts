import type { Misfit, PgKey } from '../change/change.ts';
import { keyName, nullNames } from '../plan/codec.ts';
import type { TablePlan } from '../plan/plan.ts';
import type { Difference } from './compare.ts';

export type Counts = { readonly sourceRows: number; readonly targetRows: number; readonly quarantined: number };

/** Equal exactly if the rows are. */
export type Digests = { readonly source: string; readonly target: string };

export type TableResult = {
  readonly table: string;
  readonly compared: number;
  /** null where only marked rows were compared. */
  readonly counts: Counts | null;
  /** Digests of all rows of each side in key order, as they were read; null where only marked rows were, or where rows changed in between. */
  readonly digests: Digests | null;
  readonly differences: number;
  /** The first of them, by key. */
  readonly samples: readonly Difference[];
};

/** Differences kept by key; beyond this many they are only counted. */
const KEPT = 100_000;
const SAMPLES = 1_000;

/** What a verification has found in one table so far. A row compared again replaces its earlier result. */
export type Tally = ReturnType<typeof tally>;

export function tally(table: TablePlan) {
  const found = new Map<string, Difference>();
  let compared = 0;
  let uncounted = 0;
  let counts: Counts | null = null;
  let digests: Digests | null = null;
  const keep = (difference: Difference): void => {
    if (found.size < KEPT) found.set(difference.key, difference);
    else uncounted++;
  };
  return {
    /** Rows with these keys were compared; `differences` is what differs among them. */
    put(keys: readonly PgKey[], differences: readonly Difference[]): void {
      if (found.size > 0) for (const key of keys) found.delete(keyName(table, key));
      for (const difference of differences) keep(difference);
    },
    saw(rows: number): void {
      compared += rows;
    },
    /** Rows that cannot cross were compared: each must be in quarantine, and no older version of it in Postgres (`present`). */
    misfits(misfits: readonly Misfit[], present: ReadonlySet<string>, quarantined: ReadonlySet<string>): void {
      for (const { key, column } of misfits) {
        found.delete(key);
        if (present.has(key)) keep({ table: table.name, key, kind: 'different', columns: [column] });
        else if (!quarantined.has(key)) keep({ table: table.name, key, kind: 'missing', columns: [column] });
      }
    },
    /** These rows are gone, and had no key in Postgres. */
    vanished(names: readonly string[]): void {
      if (found.size === 0) return;
      for (const name of names) {
        found.delete(name);
        const start = nullNames(name);
        if (start !== undefined) for (const key of found.keys()) if (key.startsWith(start)) found.delete(key);
      }
    },
    counts(value: Counts): void {
      counts = value;
    },
    digests(value: Digests): void {
      digests = value;
    },
    /** Nothing differs so far. */
    get clean(): boolean {
      return found.size + uncounted === 0;
    },
    get compared(): number {
      return compared;
    },
    get missing(): number {
      let missing = 0;
      for (const difference of found.values()) if (difference.kind === 'missing') missing++;
      return missing;
    },
    /** Every difference that was kept: what a repair has to mark. */
    differences: (): readonly Difference[] => [...found.values()],
    result: (): TableResult => ({
      table: table.name,
      compared,
      counts,
      digests: digests?.source !== digests?.target && found.size === 0 ? null : digests,
      differences: found.size + uncounted,
      samples: [...found.values()].slice(0, SAMPLES),
    }),
  };
}
