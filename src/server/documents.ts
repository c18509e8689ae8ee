/*
 * The documents that `--json` prints and the control socket returns: a contract that scripts rely on. Additions are fine,
 * removals and changes of meaning are not.
 */
import { z } from 'zod';
import { PHASES } from '../cutover/phase.ts';
import { Finding } from '../plan/finding.ts';
import { Count, Integer } from './document-parts.ts';

export * from './status-document.ts';

export const BlockerDocument = z.strictObject({ code: z.string(), reason: z.string(), remedy: z.string() });

export const ErrorDocument = z.strictObject({
  error: z.string(),
  hint: z.string().nullable(),
  blockers: z.array(BlockerDocument),
  exitCode: z.int(),
});

export const DifferenceDocument = z.strictObject({
  table: z.string(),
  key: z.string(),
  kind: z.enum(['missing', 'extra', 'different']),
  columns: z.array(z.string()),
  rogue: z.boolean().describe('Somebody else wrote it in Postgres: the fence of the table was not as attacca had made it.'),
});

export const VerifyDocument = z.strictObject({
  ok: z.boolean(),
  kind: z.enum(['full', 'tables']),
  source: z.string(),
  target: z.string().describe('Without its password.'),
  position: Integer.describe('Everything is compared as of this place in the journal of SQLite.'),
  lsn: z.string().describe("The same in Postgres's WAL."),
  from: Integer.describe('Where it began; what changed since was compared again.'),
  startedAt: z.string(),
  resumed: z.boolean().describe('It went on with one that was interrupted; startedAt is when that began.'),
  durationMs: z.number(),
  by: z.string().describe('Who asked for it: user@host.'),
  version: z.string(),
  rows: Count,
  differences: Count,
  repaired: Count,
  quarantined: Count,
  objectsCompared: Count,
  objects: z
    .array(
      z.strictObject({
        kind: z.enum(['column', 'key', 'unique', 'index', 'CHECK', 'foreign key', 'sequence', 'view', 'fence']),
        table: z.string().describe('Its name in Postgres.'),
        name: z.string(),
        problem: z.enum(['missing', 'changed', 'invalid']),
        detail: z.string(),
      }),
    )
    .describe('Columns, keys, indexes, constraints, sequences and fences of Postgres that are not as they have to be.'),
  tables: z.array(
    z.strictObject({
      table: z.string(),
      compared: Count,
      counts: z.strictObject({ sourceRows: Count, targetRows: Count, quarantined: Count }).nullable(),
      digests: z
        .strictObject({ source: z.string(), target: z.string() })
        .nullable()
        .describe('SHA-256 over all rows of each side in key order; null where rows changed in between.'),
      differences: Count,
      samples: z.array(DifferenceDocument),
    }),
  ),
});
export type VerifyDocument = z.infer<typeof VerifyDocument>;

export const SwitchDocument = z.strictObject({
  direction: z.enum(['cutover', 'rollback']),
  dryRun: z.boolean(),
  ok: z.boolean(),
  blockers: z.array(BlockerDocument),
  primary: z.enum(['sqlite', 'postgres']),
  epoch: Integer,
  pauseMs: z.number().nullable().describe('From the lock to the flag; null for a dry run.'),
  loss: z
    .strictObject({ lsn: z.string().nullable(), after: z.string().nullable() })
    .optional()
    .describe('With --accept-loss: the position, and the moment, up to which SQLite holds everything.'),
});
export type SwitchDocument = z.infer<typeof SwitchDocument>;

export const QuarantineDocument = z.strictObject({
  rows: z.array(
    z.strictObject({
      id: Integer,
      table: z.string(),
      key: z.string(),
      column: z.string(),
      reason: z.string(),
      at: z.string(),
    }),
  ),
  changed: Count.describe('Rows retried or dropped by this call.'),
});
export type QuarantineDocument = z.infer<typeof QuarantineDocument>;

export const AuditDocument = z.strictObject({
  entries: z.array(
    z.strictObject({
      id: Integer,
      at: z.string(),
      event: z.string(),
      by: z.string().describe('user@host of whoever asked, or of the daemon.'),
      version: z.string().nullable(),
      role: z.string().nullable().describe('The role in Postgres.'),
      detail: z.record(z.string(), z.unknown()).describe('Positions, epochs, counts, digests; no row value.'),
    }),
  ),
});
export type AuditDocument = z.infer<typeof AuditDocument>;

export const DashboardDocument = z.strictObject({ url: z.string().describe('With the token behind #: whoever has it can switch.') });
export type DashboardDocument = z.infer<typeof DashboardDocument>;

export const DoneDocument = z.strictObject({ done: z.string(), detail: z.string() });
export type DoneDocument = z.infer<typeof DoneDocument>;

export const AssessDocument = z.strictObject({
  source: z.string(),
  bytes: Count,
  tables: z.array(z.strictObject({ table: z.string(), rows: Count, key: z.string(), columns: Count })),
  findings: z.array(Finding),
  objects: z.array(z.strictObject({ type: z.string(), name: z.string(), disposition: z.string() })),
  estimate: z.strictObject({
    snapshotSeconds: z.array(z.number()).describe('From a quiet machine to a busy one.'),
    walBytes: Count,
    journalBytesPerMillion: Count.describe('Growth of the SQLite file for a million changed rows that wait.'),
    assumptions: z.array(z.string()),
  }),
  ready: z.boolean().describe('No blocking finding.'),
});
export type AssessDocument = z.infer<typeof AssessDocument>;

export const RehearsalDocument = z.strictObject({
  ok: z.boolean().describe('Nothing stood in the way, and nothing was different.'),
  source: z.string(),
  target: z.string().nullable().describe('Without its password; null: a PostgreSQL of its own.'),
  rows: Count,
  steps: z
    .array(z.strictObject({ name: z.enum(['copy', 'verify', 'cutover', 'rollback', 'verify-back']), seconds: z.number() }))
    .describe('Those that were done, in order; copy: all that `sync --once` does.'),
  rowsPerSecond: Count.describe('Of the first copy.'),
  pauseMs: z
    .strictObject({ cutover: z.number().nullable(), rollback: z.number().nullable() })
    .describe('From the lock to the flag; null where it did not come to that.'),
  differences: Count.describe('Rows, and objects of Postgres, by the last comparison.'),
  samples: z.array(DifferenceDocument),
  findings: z.array(Finding.pick({ code: true, table: true, column: true, message: true })).describe('Warnings.'),
  blockers: z.array(BlockerDocument).describe('What would stand in the way.'),
});
export type RehearsalDocument = z.infer<typeof RehearsalDocument>;

export const PlanDocument = z.strictObject({ file: z.string().nullable(), tables: Count, findings: z.array(Finding), plan: z.unknown() });

export const SyncDocument = z.strictObject({ phase: z.enum(PHASES), rows: Count, rowsPerSecond: z.number(), target: z.string() });
export type SyncDocument = z.infer<typeof SyncDocument>;

export const DemoDocument = z.strictObject({
  ok: z.boolean(),
  seconds: z.number(),
  rows: Count,
  tables: Count,
  writers: Count,
  acknowledgedWrites: Count,
  lostWrites: Count,
  duplicatedWrites: Count,
  differences: Count,
  snapshot: z.strictObject({ rows: Count, rowsPerSecond: z.number(), seconds: z.number() }),
  lagMs: z.strictObject({ p50: z.number(), p99: z.number(), samples: Count }),
  switches: z.array(
    z.strictObject({
      direction: z.enum(['cutover', 'rollback']),
      writeGapMs: z.strictObject({ p50: z.number(), max: z.number() }),
      pauseMs: z.number(),
    }),
  ),
});
export type DemoDocument = z.infer<typeof DemoDocument>;
