import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { Refused, ReplicationError, UsageError } from '../change/errors.ts';
import { type Call, Line } from './control.ts';
import type { Progress } from './operations.ts';

/** Asks the daemon that listens on `path`. Resolves with undefined if none does; rejects with the daemon's own error. */
export async function callDaemon(path: string, call: Call, progress: Progress): Promise<{ readonly result: unknown } | undefined> {
  const response = await post(path, JSON.stringify(call));
  if (response === undefined) return undefined;
  for await (const text of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
    const line = Line.parse(JSON.parse(text));
    if ('progress' in line) progress(line.progress);
    else if ('failure' in line) throw rebuilt(line.failure);
    else return { result: line.result };
  }
  throw new ReplicationError('halt', 'the daemon went away before it answered', {
    hint: 'run `attacca status`; start the daemon again with `attacca sync`, it finishes or aborts what was under way',
  });
}

function post(path: string, body: string): Promise<import('node:http').IncomingMessage | undefined> {
  return new Promise((resolve, reject) => {
    const ask = request({ socketPath: path, path: '/call', method: 'POST', headers: { 'content-type': 'application/json' } }, resolve);
    ask.once('error', error => {
      const nobody = 'code' in error && ['ENOENT', 'ECONNREFUSED', 'ENOTDIR'].includes(String(error.code));
      if (nobody) resolve(undefined);
      else reject(error);
    });
    ask.end(body);
  });
}

function rebuilt(failure: Extract<Line, { failure: unknown }>['failure']): Error {
  if (failure.kind === 'refused') return new Refused(failure.message, failure.blockers);
  if (failure.kind === 'usage') return new UsageError(failure.message, failure.hint);
  return new ReplicationError('halt', failure.message, { hint: failure.hint });
}
