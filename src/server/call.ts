import { type IncomingMessage, request } from 'node:http';
import { actor } from '../change/actor.ts';
import { Refused, ReplicationError, UsageError } from '../change/errors.ts';
import { type Call, callerHeader, Line, OTHER_VERSION } from './control.ts';
import type { Progress } from './operations.ts';

/**
 * Asks the daemon that listens on `path`, in the name of `by`. Resolves with undefined if none does; rejects with the daemon's own error, and with
 * a ReplicationError if it dies before it has answered or says what is no answer.
 */
export async function callDaemon(
  path: string,
  call: Call,
  progress: Progress,
  by = actor(),
): Promise<{ readonly result: unknown } | undefined> {
  const response = await post(path, JSON.stringify(call), by);
  if (response === undefined) return undefined;
  for await (const text of linesOf(response)) {
    const line = parse(text);
    if ('progress' in line) progress(line.progress, line.share);
    else if ('failure' in line) throw rebuilt(line.failure);
    else return { result: line.result };
  }
  throw wentAway();
}

/** A connection of its own: one kept from an earlier call may lead to a daemon that is gone, and would keep this process alive. */
function post(path: string, body: string, by: string): Promise<IncomingMessage | undefined> {
  const headers = { 'content-type': 'application/json', ...callerHeader(by) };
  return new Promise((resolve, reject) => {
    const ask = request({ socketPath: path, path: '/call', method: 'POST', headers, agent: false }, resolve);
    ask.once('error', error => {
      const code = 'code' in error ? String(error.code) : '';
      if (['ENOENT', 'ECONNREFUSED', 'ENOTDIR'].includes(code)) resolve(undefined);
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
    throw new ReplicationError('halt', 'what the daemon said is no answer', { hint: OTHER_VERSION, cause });
  }
}

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
