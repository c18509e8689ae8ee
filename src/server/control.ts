/*
 * The control API: calls over HTTP on a unix socket that only the user can open (0600).
 */
import { chmodSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { Hono } from 'hono';
import { actor } from '../change/actor.ts';
import { Refused } from '../change/errors.ts';
import { answer, failed } from './answer.ts';
import { ANOTHER, CALLER, SOURCE, TARGET } from './calls.ts';
import type { Operations } from './operations.ts';
import { serve } from './serve.ts';
import { fileOf, privateFolder, refuseForeignFolder, socketPath } from './socket.ts';

/** The API of the daemon that follows `source` to `target`, which is as people may see it. Whoever means another file is refused before anything else. */
export function controlApp(operations: Operations, source: string, target = ''): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    const meant = context.req.header(SOURCE);
    if (meant === undefined || meant === encodeURIComponent(fileOf(source))) return await next();
    return context.body(failed(otherSource(source, decodeURIComponent(meant))), ANOTHER);
  });
  app.get(TARGET, context => context.text(target));
  app.post('/call', context => answer(context, operations, context.req.header(CALLER) ?? actor()));
  return app;
}

const otherSource = (ours: string, theirs: string): Refused =>
  new Refused('the daemon in this folder follows another file', [
    {
      code: 'other-source',
      reason: `it follows ${ours}, not ${theirs}, and there is one daemon to a folder`,
      remedy: 'give the source that it follows, or put each database in a folder of its own',
    },
  ]);

/**
 * Listens for `source` until disposed. The caller holds the controller's lock: a socket that is still there is a dead daemon's, or, which
 * it has to have refused, that of another file.
 */
export async function listen(operations: Operations, source: string, target = ''): Promise<AsyncDisposable> {
  const path = socketPath(source);
  refuseForeignFolder(source);
  privateFolder(dirname(path));
  rmSync(path, { force: true });
  const mask = process.umask(0o177); // from its first moment on, nobody else may connect
  const serving = serve(controlApp(operations, source, target), { path });
  process.umask(mask);
  const server = await serving;
  chmodSync(path, 0o600);
  return server;
}
