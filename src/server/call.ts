import type { IncomingMessage, RequestOptions } from 'node:http';
import { text } from 'node:stream/consumers';
import { actor } from '../change/actor.ts';
import { Refused, ReplicationError, UsageError } from '../change/errors.ts';
import { ANOTHER, type Call, headersOf, Line, OTHER_VERSION, TARGET } from './calls.ts';
import type { Progress } from './operations.ts';
import { refuseForeignFolder, socketPath } from './socket.ts';

/** Not imported: an import of it loads Node's whole fetch with it, a sixth of what `attacca status` costs. */
const { request } = process.getBuiltinModule('node:http');

/**
 * Asks the daemon that follows `source`, in the name of `by`. Resolves with undefined if none does; rejects with the daemon's own error, of
 * one that follows another file too, and with a ReplicationError if it dies before it has answered or its answer cannot be read.
 */
export async function callDaemon(
  source: string,
  call: Call,
  progress: Progress,
  by = actor(),
): Promise<{ readonly result: unknown } | undefined> {
  const headers = { 'content-type': 'application/json', ...headersOf(by, source) };
  const response = await send(source, { path: '/call', method: 'POST', headers }, JSON.stringify(call));
  return response === undefined ? undefined : await answerIn(response, progress);
}

/** A daemon that is hung, and of the same file, is not waited for. */
const NEIGHBOUR_MS = 5_000;

/** Throws Refused where a daemon runs in the folder of `source` that follows another file. */
export async function refuseNeighbour(source: string): Promise<void> {
  const signal = AbortSignal.timeout(NEIGHBOUR_MS);
  const response = await send(source, { path: '/', headers: headersOf(actor(), source), signal }).catch(() => undefined);
  if (response?.statusCode === ANOTHER) await answerIn(response, () => undefined);
  response?.resume();
}

/**
 * The target of the daemon that follows `source`, as people may see it; undefined where none runs. One of an older version says something
 * else. It says so at once, whatever it waits for itself: after `limitMs` of silence it is given up with a ReplicationError.
 */
export async function targetOf(source: string, limitMs?: number): Promise<string | undefined> {
  const signal = limitMs === undefined ? undefined : AbortSignal.timeout(limitMs);
  try {
    const response = await send(source, { path: TARGET, headers: headersOf(actor(), source), ...(signal && { signal }) });
    if (response?.statusCode === ANOTHER) await answerIn(response, () => undefined);
    return response === undefined ? undefined : await text(response);
  } catch (error) {
    throw signal?.aborted === true ? silent(error) : error;
  }
}

const silent = (cause: unknown): ReplicationError =>
  new ReplicationError('halt', 'the daemon does not answer, although it is there', {
    hint: 'its process is stopped (SIGSTOP) or hung: let it go on, or end it and start `attacca sync` again, which goes on where it was',
    cause,
  });

async function answerIn(response: IncomingMessage, progress: Progress): Promise<{ readonly result: unknown }> {
  for await (const said of linesOf(response)) {
    const line = parse(said);
    if ('progress' in line) progress(line.progress, line.share);
    else if ('failure' in line) throw rebuilt(line.failure);
    else return { result: line.result };
  }
  throw wentAway();
}

/** A connection of its own: one kept from an earlier call may lead to a daemon that is gone, and would keep this process alive. */
async function send(source: string, what: RequestOptions, body?: string): Promise<IncomingMessage | undefined> {
  refuseForeignFolder(source);
  return await new Promise((resolve, reject) => {
    const ask = request({ ...what, socketPath: socketPath(source), agent: false }, resolve);
    ask.once('error', error => {
      const code = 'code' in error ? String(error.code) : '';
      if (['ENOENT', 'ECONNREFUSED', 'ENOTDIR'].includes(code)) resolve(undefined);
      else if (['EACCES', 'EPERM'].includes(code)) reject(anothers(socketPath(source)));
      else reject(['ECONNRESET', 'EPIPE'].includes(code) ? wentAway(error) : error);
    });
    ask.end(body);
  });
}

/** Whole lines only: what a dying daemon left unfinished says nothing. Not readline, for which U+2028 in a text ends a line too. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (cause) {
    throw wentAway(cause);
  }
}

function parse(text: string): Line {
  try {
    return Line.parse(JSON.parse(text));
  } catch (cause) {
    throw new ReplicationError('halt', "the daemon's answer cannot be read", { hint: OTHER_VERSION, cause });
  }
}

const anothers = (path: string): UsageError =>
  new UsageError(
    `the daemon of this file is another user's: its socket ${path} is closed to this one`,
    'run the command as the user of the daemon',
  );

const wentAway = (cause?: unknown): ReplicationError =>
  new ReplicationError('halt', 'the daemon went away before it answered', {
    hint: 'run `attacca status`; start the daemon again with `attacca sync`, it finishes or aborts what was under way',
    cause,
  });

function rebuilt(failure: Extract<Line, { failure: unknown }>['failure']): Error {
  switch (failure.kind) {
    case 'refused':
      return new Refused(failure.message, failure.blockers);
    case 'usage':
      return new UsageError(failure.message, failure.hint);
    case 'failed':
      return new ReplicationError('halt', failure.message, { hint: failure.hint });
    case 'unexpected':
      return new Error(failure.message);
  }
}
