/*
 * What `status` says, for Prometheus. Names and meanings are a contract that alerts rely on: deploy/watching.md lists them.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import { PHASES } from '../../cutover/phase.ts';
import type { StatusDocument } from '../documents.ts';

type Sample = { readonly labels?: Readonly<Record<string, string>>; readonly value: number };

export type Metric = {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** None where it does not apply now. */
  readonly samples: (status: StatusDocument) => readonly Sample[];
};

const one = (value: number | string | boolean | null | undefined): readonly Sample[] => (value == null ? [] : [{ value: Number(value) }]);
const seconds = (ms: number | null | undefined): readonly Sample[] => (ms == null ? [] : one(ms / 1_000));

export const METRICS: readonly Metric[] = [
  {
    name: 'attacca_phase',
    help: '1 for the phase it is in, 0 for the others.',
    labels: ['phase'],
    samples: ({ phase }) => PHASES.map(each => ({ labels: { phase: each }, value: each === phase ? 1 : 0 })),
  },
  {
    name: 'attacca_primary',
    help: '1 for the side that accepts writes; 0 for both in the middle of a switch.',
    labels: ['side'],
    samples: ({ primary }) => ['sqlite', 'postgres'].map(side => ({ labels: { side }, value: side === primary ? 1 : 0 })),
  },
  { name: 'attacca_epoch', help: 'Counts the switches.', samples: ({ epoch }) => one(epoch) },
  {
    name: 'attacca_lag_seconds',
    help: 'How far the side that follows is behind.',
    samples: ({ lag }) => seconds(lag?.ms),
  },
  { name: 'attacca_lag_changes', help: 'Marks that are not in Postgres yet.', samples: ({ lag }) => one(lag?.changes) },
  {
    name: 'attacca_applied_changes_total',
    help: 'The place in the journal up to which everything is in Postgres.',
    samples: ({ applied }) => one(applied),
  },
  { name: 'attacca_journal_marks', help: 'Marks that wait in the journal.', samples: ({ journal }) => one(journal?.waiting) },
  {
    name: 'attacca_journal_max_marks',
    help: 'Beyond this many marks, tables are copied anew.',
    samples: ({ journal }) => one(journal?.maxMarks),
  },
  {
    name: 'attacca_table_copied_rows',
    help: 'Rows of the first copy that are in Postgres.',
    labels: ['table'],
    samples: ({ tables }) => tables.map(({ table, rows }) => ({ labels: { table }, value: rows })),
  },
  {
    name: 'attacca_table_rows',
    help: 'Rows the first copy expects.',
    labels: ['table'],
    samples: ({ tables }) => tables.map(({ table, total }) => ({ labels: { table }, value: total })),
  },
  {
    name: 'attacca_verified_timestamp_seconds',
    help: 'When every row was last compared, in Unix time.',
    samples: ({ verification: { fullAt } }) => (fullAt === null ? [] : seconds(Date.parse(fullAt))),
  },
  {
    name: 'attacca_verified_equal',
    help: '1 if both sides were equal then.',
    samples: ({ verification: { fullAt, ok } }) => (fullAt === null ? [] : one(ok === true)),
  },
  { name: 'attacca_quarantine_rows', help: 'Rows that do not fit the target.', samples: ({ quarantine }) => one(quarantine) },
  { name: 'attacca_suspended_tables', help: 'Tables that are left alone.', samples: ({ suspended }) => one(suspended.length) },
  {
    name: 'attacca_slot_retained_bytes',
    help: 'WAL that Postgres keeps for the mirror.',
    samples: ({ slot }) => one(slot?.retainedBytes),
  },
  {
    name: 'attacca_slot_alarm',
    help: '1 if the slot of the mirror keeps too much, or is lost.',
    samples: ({ slot }) => (slot === null ? [] : one(slot.alarm != null)),
  },
  {
    name: 'attacca_switch_pause_seconds',
    help: 'How long writers were held at the last switch in each direction.',
    labels: ['direction'],
    samples: ({ lastPauseMs = {} }) =>
      Object.entries(lastPauseMs).map(([direction, ms = 0]) => ({ labels: { direction }, value: ms / 1_000 })),
  },
];

/** In the text format of Prometheus. Without a status: `attacca_up` alone. */
export async function metrics(status: StatusDocument | undefined): Promise<{ readonly type: string; readonly text: string }> {
  const registry = new Registry();
  const up = {
    name: 'attacca_up',
    help: '1 while the daemon is at work, 0 while it waits for one of the sides. One that has halted is gone.',
    registers: [registry],
  };
  new Gauge(up).set(status === undefined ? 0 : 1);
  if (status !== undefined) for (const metric of METRICS) register(registry, metric, status);
  return { type: registry.contentType, text: await registry.metrics() };
}

function register(registry: Registry, { name, help, labels = [], samples }: Metric, status: StatusDocument): void {
  const found = samples(status);
  if (found.length === 0) return; // one without a sample would say 0
  const about = { name, help, labelNames: labels, registers: [registry] };
  const metric = name.endsWith('_total') ? new Counter(about) : new Gauge(about);
  for (const { labels = {}, value } of found) metric.inc(labels, value);
}
