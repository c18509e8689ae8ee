/*
 * The control API: HTTP over a unix socket that only the user can open (0600). An answer is a stream of JSON lines, progress
 * first and one result or error last, so that a command shows what the daemon is doing while it waits.
 */
import { chmodSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { stream } from 'hono/streaming';
import { z } from 'zod';
import { actor } from '../change/actor.ts';
import { Refused, ReplicationError, UsageError } from '../change/errors.ts';
import type { Operations, Progress } from './operations.ts';
import { fileOf, privateFolder, socketPath } from './socket.ts';

/** A call as it travels; the same schema checks it on arrival. */
export const Call = z.discriminatedUnion('operation', [
  z.strictObject({ operation: z.literal('status') }),
  z.strictObject({ operation: z.literal('audit') }),
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

/** The headers that say who calls, `user@host`, and for which file. */
const CALLER = 'attacca-caller';
const SOURCE = 'attacca-source';
export const headersOf = (by: string, source: string): Readonly<Record<string, string>> => ({
  [CALLER]: by.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200),
  [SOURCE]: encodeURIComponent(fileOf(source)),
});
/** The status of an answer to somebody who means another file. */
export const ANOTHER = 409;

/** Only looking needs no line in the log. */
function changes(call: Call): boolean {
  if (call.operation === 'switch') return !call.dryRun;
  if (call.operation === 'quarantine') return call.action !== 'list';
  return call.operation !== 'status' && call.operation !== 'audit';
}

/** Runs one call of `by`; every command goes through here, whether a daemon answers or not. */
export async function perform(operations: Operations, call: Call, progress: Progress, by: string): Promise<unknown> {
  if (changes(call)) {
    const { operation, ...detail } = call;
    await operations.asked('direction' in call ? call.direction : operation, detail, by);
  }
  return await carryOut(operations, call, progress, by);
}

function carryOut(operations: Operations, call: Call, progress: Progress, by: string): Promise<unknown> {
  switch (call.operation) {
    case 'status':
      return operations.status();
    case 'audit':
      return operations.audit();
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

/**
 * The API of the daemon that follows `source`: a failure is a line of the answer, also where the call makes no sense (then with status
 * 400). Whoever means another file is refused before anything else.
 */
export function controlApp(operations: Operations, source: string): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    const meant = context.req.header(SOURCE);
    if (meant === undefined || meant === encodeURIComponent(fileOf(source))) return await next();
    return context.body(written({ failure: failure(otherSource(source, decodeURIComponent(meant))) }), ANOTHER);
  });
  app.post('/call', async context => {
    const call = Call.safeParse(await context.req.json().catch(() => undefined));
    if (!call.success) return context.body(written({ failure: failure(misunderstood(call.error)) }), 400);
    const caller = context.req.header(CALLER) ?? actor();
    return stream(context, async out => {
      const write = async (line: Line): Promise<void> => void (await out.write(written(line)));
      try {
        await write({ result: await perform(operations, call.data, (line, share) => void write({ progress: line, share }), caller) });
      } catch (error) {
        await write({ failure: failure(error) });
      }
    });
  });
  return app;
}

const written = (line: Line): string => `${JSON.stringify(line)}\n`;

const otherSource = (ours: string, theirs: string): Refused =>
  new Refused('the daemon in this folder follows another file', [
    {
      code: 'other-source',
      reason: `it follows ${ours}, not ${theirs}, and there is one daemon to a folder`,
      remedy: 'give the source that it follows, or put each database in a folder of its own',
    },
  ]);

const misunderstood = (error: z.ZodError): ReplicationError =>
  new ReplicationError('halt', `the daemon did not understand the call\n${z.prettifyError(error)}`, { hint: OTHER_VERSION });

function failure(error: unknown): Extract<Line, { failure: unknown }>['failure'] {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Refused) return { kind: 'refused', message, hint: '', blockers: [...error.blockers] };
  if (error instanceof UsageError) return { kind: 'usage', message, hint: error.hint, blockers: [] };
  if (error instanceof ReplicationError) return { kind: 'failed', message, hint: error.hint, blockers: [] };
  return { kind: 'unexpected', message, hint: '', blockers: [] };
}

/**
 * Listens for `source` until disposed. The caller holds the controller's lock: a socket that is still there is a dead daemon's, or, which
 * it has to have refused, that of another file.
 */
export async function listen(operations: Operations, source: string): Promise<AsyncDisposable> {
  const path = socketPath(source);
  privateFolder(dirname(path));
  rmSync(path, { force: true });
  const server = createAdaptorServer({ fetch: controlApp(operations, source).fetch });
  const mask = process.umask(0o177); // from its first moment on, nobody else may connect
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  process.umask(mask);
  await listening;
  chmodSync(path, 0o600);
  return {
    async [Symbol.asyncDispose]() {
      if ('closeIdleConnections' in server) server.closeIdleConnections();
      await new Promise<void>(resolve => server.close(() => resolve()));
    },
  };
}
