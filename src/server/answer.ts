/*
 * The daemon's end of a call, or that of the command itself where no daemon runs: what is asked for is done, and an answer made of it.
 */
import type { Context } from 'hono';
import { stream } from 'hono/streaming';
import { z } from 'zod';
import { messageOf, Refused, ReplicationError, UsageError } from '../change/errors.ts';
import { Call, type Line, LOOKING, nameOf, OTHER_VERSION } from './calls.ts';
import type { Operations, Progress } from './operations.ts';

/** Only looking needs no line in the log. */
function changes(call: Call): boolean {
  if (call.operation === 'switch') return !call.dryRun;
  if (call.operation === 'quarantine') return call.action !== 'list';
  return !LOOKING.has(call.operation);
}

/** Runs one call of `by`; every command goes through here, whether a daemon answers or not. */
export async function perform(operations: Operations, call: Call, progress: Progress, by: string): Promise<unknown> {
  if (!changes(call)) return await carryOut(operations, call, progress, by);
  const { operation, ...detail } = call;
  await operations.asked(nameOf(call), detail, by);
  try {
    return await carryOut(operations, call, progress, by);
  } catch (error) {
    if (operation !== 'switch') await operations.unmet(nameOf(call), error, by); // a switch says itself how it ended
    throw error;
  }
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
