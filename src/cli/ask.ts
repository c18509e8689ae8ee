/*
 * A command asks the daemon; where none runs it does the same work itself, as the one controller, for as long as it takes.
 */
import { resolve } from 'node:path';
import type { z } from 'zod';
import { actor } from '../change/actor.ts';
import { Refused } from '../change/errors.ts';
import { redact } from '../change/redact.ts';
import { callDaemon, targetOf } from '../server/call.ts';
import { type Call, LOOKING } from '../server/calls.ts';
import type { Progress } from '../server/operations.ts';
import type { Looked } from './alone.ts';
import { progressBar } from './bar.ts';
import type { Config } from './config.ts';
import type { Context } from './main.ts';
import { patient } from './patience.ts';
import type { Output } from './report.ts';

export type Answer<T> = { readonly document: T; readonly daemon: boolean };

/** Carries out `call`; the answer is checked against the document's schema. */
export async function ask<T>(context: Context, call: Call, schema: z.ZodType<T>): Promise<Answer<T>> {
  const config = context.config();
  using bar = progressBar(context.output);
  const { say } = bar;
  const answered = await asked(config, call, say, actor(context.env));
  if (answered !== undefined) return { document: schema.parse(answered.result), daemon: true };
  const { alone } = await import('./alone.ts');
  return { document: schema.parse(await alone(config, call, { say, env: context.env })), daemon: false };
}

/** As `callDaemon`, of one with the target that was named, and not without a word where that takes long. */
async function asked(config: Config, call: Call, progress: Progress, by: string): ReturnType<typeof callDaemon> {
  using patience = patient(progress);
  if (await isNamedOtherwise(config, call)) await (await import('./engine/keep/named-target.ts')).refuseNamedTarget(config, call);
  return await callDaemon(config.source, call, patience.say, by);
}

/** Whether a daemon would carry `call` out on a target of another address than the one that was named: it knows only its own. */
async function isNamedOtherwise({ source, target }: Config, call: Call): Promise<boolean> {
  if (target === undefined || LOOKING.has(call.operation)) return false;
  const theirs = await targetOf(source);
  return theirs !== undefined && theirs !== redact(target);
}

/** Asks the daemon what only it can do; between two lives it has no socket. Throws Refused where none answers: `without` says why that matters, and what to do. */
export async function askDaemon<T>(
  context: Context,
  call: Call,
  schema: z.ZodType<T>,
  without: { readonly reason: string; readonly remedy: string },
): Promise<T> {
  const config = context.config();
  using bar = progressBar(context.output);
  const answered = await asked(config, call, bar.say, actor(context.env));
  if (answered !== undefined) return schema.parse(answered.result);
  (await import('./alone.ts')).refuseNeverInstalled(config, call.operation, true);
  throw new Refused('no daemon answers for this file: none runs, or it waits for Postgres, as its log says then', [
    { code: 'no-daemon', ...without },
  ]);
}

/** Where the log is to be written: the daemon has another working directory. */
export const exported = (audit: string | undefined) => (audit === undefined ? {} : { audit: resolve(audit) });

/** Whoever only looks does not wait longer for a daemon that is hung. */
const HUNG_MS = 20_000;

/** Asks the daemon, or looks for itself without becoming the controller. */
export async function look<T>(
  context: Pick<Context, 'config' | 'output'>,
  call: Call,
  schema: z.ZodType<T>,
  read: (there: Looked) => Promise<T>,
): Promise<T> {
  const config = context.config();
  const answered = await looked(config, call, context.output);
  if (answered !== undefined) return schema.parse(answered.result);
  return await (await import('./alone.ts')).lookAlone(config, call.operation, read);
}

async function looked({ source }: Config, call: Call, output: Output): ReturnType<typeof callDaemon> {
  using bar = progressBar(output);
  using patience = patient(bar.say);
  return (await targetOf(source, HUNG_MS)) === undefined ? undefined : await callDaemon(source, call, patience.say);
}
