/* What a daemon would say, without a daemon. */
import type { DoneDocument, QuarantineDocument, StatusDocument, SwitchDocument, VerifyDocument } from '../../src/server/documents.ts';
import type { Operations } from '../../src/server/operations.ts';

/** Larger than a double can hold, so that a number anywhere on the way would show. */
export const HUGE = '9007199254740993';
export const STATUS: StatusDocument = {
  phase: 'shadowing',
  primary: 'sqlite',
  epoch: HUGE,
  daemon: { pid: 7, since: '2026-01-01T00:00:00.000Z' },
  source: '/srv/app.db',
  target: 'postgresql://db.internal/app',
  lag: { changes: '0', ms: null },
  journal: { waiting: 0, maxMarks: 50_000_000 },
  tables: [{ table: 'order', rows: 1, total: 1, done: true }],
  verification: { fullAt: null, ok: null, upTo: HUGE, at: null },
  quarantine: 0,
  suspended: [],
  slot: { name: 'attacca', active: false, walStatus: null, retainedBytes: '0' },
  halt: null,
  scheduled: { at: '2026-01-02T03:00:00Z', by: 'alice@db1' },
  timeline: [{ at: '2026-01-01T00:00:00.000Z', event: 'installed', by: 'attacca' }],
};
export const VERIFY: VerifyDocument = {
  ok: true,
  kind: 'tables',
  source: '/app.db',
  target: 'postgresql://app@db/app',
  position: HUGE,
  lsn: '0/16B3748',
  from: '0',
  startedAt: '2026-01-01T00:00:00.000Z',
  resumed: false,
  by: 'me@here',
  version: '0.1.0',
  durationMs: 1.5,
  rows: 1,
  differences: 0,
  repaired: 0,
  quarantined: 0,
  objectsCompared: 1,
  objects: [],
  tables: [{ table: 'order', compared: 1, counts: null, digests: null, differences: 0, samples: [] }],
};
export const SWITCH: SwitchDocument = {
  direction: 'cutover',
  dryRun: true,
  ok: false,
  blockers: [],
  primary: 'sqlite',
  epoch: '0',
  pauseMs: null,
};
export const QUARANTINE: QuarantineDocument = {
  rows: [{ id: '1', table: 'order', key: '["i1"]', column: 'at', reason: 'not a date', at: 'now' }],
  changed: 0,
};
export const DONE: DoneDocument = { done: 'finish', detail: 'the fence stays' };

const never = () => Promise.reject(new Error('not what was asked for'));
export const ignore = (): void => undefined;

/** Operations of which only `some` may be asked for. */
export function fake(some: Partial<Operations> = {}): Operations {
  return {
    status: never,
    audit: never,
    dashboard: never,
    asked: async () => undefined,
    unmet: async () => undefined,
    verify: never,
    switch: never,
    schedule: never,
    approve: never,
    quarantine: never,
    resync: never,
    widen: never,
    throttle: never,
    finish: never,
    uninstall: never,
    ...some,
  };
}
