/*
 * What can be asked of a daemon, and how it answers: a stream of JSON lines, progress first and one result or error last, so that whoever
 * waits sees what is done. A failure is a line of the answer too.
 */
import { z } from 'zod';
import { fileOf } from './socket.ts';

/** A call as it travels; the same schema checks it on arrival. */
export const Call = z.discriminatedUnion('operation', [
  z.strictObject({ operation: z.literal('status') }),
  z.strictObject({ operation: z.literal('audit') }),
  z.strictObject({ operation: z.literal('dashboard') }),
  z.strictObject({
    operation: z.literal('verify'),
    tables: z.array(z.string()),
    repair: z.boolean(),
    resume: z.boolean().optional(),
    nice: z.number().min(0).max(100).optional(),
    rowsPerSecond: z.int().min(1).optional(),
  }),
  z.strictObject({
    operation: z.literal('switch'),
    direction: z.enum(['cutover', 'rollback']),
    dryRun: z.boolean(),
    maxPauseMs: z.int().optional(),
  }),
  z.strictObject({ operation: z.literal('quarantine'), action: z.enum(['list', 'retry', 'drop']), ids: z.array(z.string()) }),
  z.strictObject({
    operation: z.literal('schedule'),
    at: z.iso.datetime().nullable(),
    onApproval: z.boolean().optional(),
    maxPauseMs: z.int().optional(),
  }),
  z.strictObject({ operation: z.literal('approve'), askedAt: z.iso.datetime() }),
  z.strictObject({ operation: z.literal('resync'), tables: z.array(z.string()) }),
  z.strictObject({ operation: z.literal('widen'), tables: z.array(z.string()) }),
  z.strictObject({
    operation: z.literal('throttle'),
    rowsPerSecond: z.int().min(1).nullable().optional(),
    nice: z.number().min(0).max(100).optional(),
    chunkRows: z.int().min(100).max(1_000_000).optional(),
    paused: z.boolean().optional(),
  }),
  z.strictObject({ operation: z.literal('finish'), audit: z.string().optional() }),
  z.strictObject({ operation: z.literal('uninstall'), keepTarget: z.boolean(), audit: z.string().optional() }),
]);
export type Call = z.infer<typeof Call>;

/** One line of an answer. */
export const Line = z.union([
  z.strictObject({ progress: z.string(), share: z.number().optional() }),
  z.strictObject({ result: z.unknown() }),
  z.strictObject({
    failure: z.strictObject({
      kind: z.enum(['usage', 'refused', 'failed', 'unexpected']),
      message: z.string(),
      hint: z.string(),
      blockers: z.array(z.strictObject({ code: z.string(), reason: z.string(), remedy: z.string() })),
    }),
  }),
]);
export type Line = z.infer<typeof Line>;

/** The headers that say who calls, `user@host`, and for which file. */
export const CALLER = 'attacca-caller';
export const SOURCE = 'attacca-source';
export const headersOf = (by: string, source: string): Readonly<Record<string, string>> => ({
  [CALLER]: by.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200),
  [SOURCE]: encodeURIComponent(fileOf(source)),
});
/** Where it is said which target the daemon has. */
export const TARGET = '/target';
/** The status of an answer to somebody who means another file. */
export const ANOTHER = 409;

/** What to do where one side says what the other does not understand. */
export const OTHER_VERSION = 'the daemon may be of another version: stop it and start `attacca sync` again with this one';

/** They change nothing, and what they show names its target. */
export const LOOKING: ReadonlySet<Call['operation']> = new Set(['status', 'audit', 'dashboard']);

/** As the command line has it. */
export const nameOf = (call: Call): string => ('direction' in call ? call.direction : call.operation);
