/* Beside removal.ts, whose databases a command that only waits for the daemon does not need. */
import { setTimeout as delay } from 'node:timers/promises';
import { known } from '../../../postgres/embedded/data-dir.ts';
import { hasState, stateFolder } from '../../../server/socket.ts';
import type { Config } from '../../config.ts';

const GONE_MS = 20_000;

/** Whether the embedded server is there, which need not be this installation's: with a target elsewhere it is of another file's. */
export const hasEmbedded = (source: string): boolean => known(stateFolder(source)) !== undefined;

/** Waits until the daemon has taken its folder away, which it does when it ends after `finish` and `uninstall`; unless it is to stay. */
export async function gone({ source, target }: Config): Promise<void> {
  if (target !== undefined && hasEmbedded(source)) return;
  for (const deadline = performance.now() + GONE_MS; hasState(source) && performance.now() < deadline; ) await delay(20);
}
