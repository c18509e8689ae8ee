/*
 * The control API: calls over HTTP on a unix socket that only the user can open (0600).
 */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Operations } from './operations.ts';
import { serve } from './serve.ts';
import { privateFolder, refuseForeignFolder, socketPath } from './socket.ts';

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
  const serving = serve(async () => (await import('./control-app.ts')).controlApp(operations, source, target), { path });
  process.umask(mask);
  return await serving;
}
