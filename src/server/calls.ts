/*
 * What can be asked of a daemon, and how it answers: a stream of JSON lines, progress first and one result or error last, so that whoever
 * waits sees what is done. A failure is a line of the answer too.
 */
import type { Context } from 'hono';
import { stream } from 'hono/streaming';
import { z } from 'zod';
import { messageOf, Refused, ReplicationError, UsageError } from '../change/errors.ts';
import type { Operations, Progress } from './operations.ts';

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

/** What to do where one side says what the other does not understand. */
export const OTHER_VERSION = 'the daemon may be of another version: stop it and start `attacca sync` again with this one';

/** They change nothing, and what they show names its target. */
export const LOOKING: ReadonlySet<Call['operation']> = new Set(['status', 'audit', 'dashboard']);

/** As the command line has it. */
export const nameOf = (call: Call): string => ('direction' in call ? call.direction : call.operation);

/** Only looking needs no line in the log. */
function changes(call: Call): boolean {
  if (call.operation === 'switch') return !call.dryRun;
  if (call.operation === 'quarantine') return call.action !== 'list';
  return !LOOKING.has(call.operation);
}

/** Runs one call of `by`; every command goes through here, whether a daemon answers or not. */
export async function perform(operations: Operations, call: Call, progress: Progress, by: string): Promise<unknown> {
  if (changes(call)) {
    const { operation: _, ...detail } = call;
    await operations.asked(nameOf(call), detail, by);
  }
  return await carryOut(operations, call, progress, by);
}

function carryOut(operations: Operations, call: Call, progress: Progress, by: string): Promise<unknown> {
  switch (call.operation) {
    case 'status':
      return operations.status();
    case 'audit':
      return operations.audit();
    case 'dashboard':
      return operations.dashboard();
    case 'verify':
      return operations.verify({ ...call, by }, progress);
    case 'switch':
      return operations.switch(call.direction, { dryRun: call.dryRun, maxPauseMs: call.maxPauseMs }, progress);
    case 'schedule':
      return operations.schedule(call, by);
    case 'approve':
      return operations.approve(call.askedAt, by);
    case 'quarantine':
      return operations.quarantine(call.action, call.ids);
    case 'resync':
      return operations.resync(call, progress);
    case 'widen':
      return operations.widen(call, progress);
    case 'throttle':
      return operations.throttle(call);
    case 'finish':
      return operations.finish(call, progress);
    case 'uninstall':
      return operations.uninstall(call, progress);
  }
}

/** Answers a request whose body is a call of `by`; one that makes no sense with status 400. `permitted` throws for a call that is not. */
export async function answer(
  context: Context,
  operations: Operations,
  by: string,
  permitted: (call: Call) => void = () => undefined,
): Promise<Response> {
  const call = Call.safeParse(await context.req.json().catch(() => undefined));
  if (!call.success) return context.body(failed(misunderstood(call.error)), 400);
  return stream(context, async out => {
    const write = async (line: Line): Promise<void> => void (await out.write(written(line)));
    try {
      permitted(call.data);
      await write({ result: await perform(operations, call.data, (line, share) => void write({ progress: line, share }), by) });
    } catch (error) {
      await out.write(failed(error));
    }
  });
}

const written = (line: Line): string => `${JSON.stringify(line)}\n`;

/** An answer that is one failure. */
export const failed = (error: unknown): string => written({ failure: failure(error) });

const misunderstood = (error: z.ZodError): ReplicationError =>
  new ReplicationError('halt', `the daemon did not understand the call\n${z.prettifyError(error)}`, { hint: OTHER_VERSION });

function failure(error: unknown): Extract<Line, { failure: unknown }>['failure'] {
  const message = messageOf(error);
  if (error instanceof Refused) return { kind: 'refused', message, hint: '', blockers: [...error.blockers] };
  if (error instanceof UsageError) return { kind: 'usage', message, hint: error.hint, blockers: [] };
  if (error instanceof ReplicationError) return { kind: 'failed', message, hint: error.hint, blockers: [] };
  return { kind: 'unexpected', message, hint: '', blockers: [] };
}
