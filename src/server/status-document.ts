/* What `status` says, and the page and the metrics show. */
import { z } from 'zod';
import { PHASES } from '../cutover/phase.ts';
import { Count, Integer } from './document-parts.ts';

export const ThrottleDocument = z.strictObject({
  rowsPerSecond: z.int().nullable().describe('null: as fast as it goes.'),
  nice: z.number().describe('The first copy rests this many times as long as it works.'),
  chunkRows: z.int().describe('Rows in a chunk at most.'),
  paused: z.boolean().describe('The first copy waits for `attacca throttle --resume`.'),
});
export type ThrottleDocument = z.infer<typeof ThrottleDocument>;

export const StatusDocument = z.strictObject({
  phase: z.enum(PHASES),
  primary: z.enum(['sqlite', 'postgres']).nullable().describe('Who accepts the writes; null in the middle of a switch.'),
  epoch: Integer,
  daemon: z
    .strictObject({
      pid: z.int(),
      since: z.string(),
      dashboard: z.string().nullable().optional().describe('Where it serves its page; null: nowhere.'),
    })
    .nullable(),
  source: z.string(),
  target: z.string().describe('Without its password.'),
  lag: z
    .strictObject({ changes: Integer.nullable(), ms: z.number().nullable() })
    .nullable()
    .describe('changes: null while mirroring, where only time is measured; ms: null where no daemon runs.'),
  applied: Integer.nullable()
    .optional()
    .describe('The place in the journal up to which everything is in Postgres; null while that is primary, and before the first copy.'),
  journal: z
    .strictObject({ waiting: Count, maxMarks: Count })
    .nullable()
    .describe(
      'Marks not applied yet, an upper bound where they are many, and the cap; null while Postgres is primary or the file is locked.',
    ),
  tables: z.array(z.strictObject({ table: z.string(), rows: Count, total: Count, done: z.boolean() })),
  verification: z.strictObject({
    fullAt: z.string().nullable(),
    ok: z.boolean().nullable(),
    upTo: Integer.nullable(),
    at: z.string().nullable(),
  }),
  quarantine: Count,
  misfits: z
    .array(
      z.strictObject({
        table: z.string(),
        column: z.string().describe('Empty where Postgres does not say which one it was.'),
        rows: Count,
        reason: z.string(),
        proposal: z
          .string()
          .nullable()
          .describe('The codec that `attacca plan --widen --table T` would choose; null where that would not help.'),
      }),
    )
    .optional()
    .describe('What waits in quarantine, column by column.'),
  suspended: z.array(z.strictObject({ table: z.string(), reason: z.string() })).describe('Tables that are not replicated any more.'),
  slot: z
    .strictObject({
      name: z.string(),
      active: z.boolean(),
      walStatus: z.string().nullable(),
      retainedBytes: Integer,
      safeBytes: Integer.nullable().optional().describe('What may still be written before Postgres gives it up; null: no limit is set.'),
      alarm: z.string().nullable().optional().describe('Why somebody should look at it.'),
    })
    .nullable(),
  halt: z.strictObject({ reason: z.string(), hint: z.string() }).nullable(),
  throttle: ThrottleDocument.optional().describe('Absent where no daemon runs.'),
  scheduled: z
    .strictObject({
      at: z.string().describe('Not before.'),
      by: z.string().describe('Who asked for it.'),
      approval: z
        .strictObject({ askedAt: z.string(), approvedBy: z.string().nullable().describe('null: it waits for `attacca approve`.') })
        .nullable()
        .optional()
        .describe('null: it needs none.'),
    })
    .nullable()
    .describe('The cutover that is to begin by itself.'),
  lastPauseMs: z
    .strictObject({ cutover: z.number().optional(), rollback: z.number().optional() })
    .optional()
    .describe('How long writers were held at the last switch in each direction.'),
  timeline: z.array(z.strictObject({ at: z.string(), event: z.string(), by: z.string() })),
});
export type StatusDocument = z.infer<typeof StatusDocument>;
