import { setTimeout as delay } from 'node:timers/promises';
import { examine } from '../../../sqlite/capture/health.ts';
import { unhook } from '../../../sqlite/capture/retake.ts';
import { isBusy, openSource } from '../../../sqlite/open.ts';
import { schemaVersion } from '../../../sqlite/read/values.ts';
import type { Installed } from '../engine.ts';

const LOOK_MS = 50;
const LOCK_WAIT_MS = 5_000;

/**
 * Runs `work`, during which nobody may look at the journal for minutes. Should somebody drop it meanwhile, capture goes at
 * once: it would make the application's writes fail [G6]. What was missed then is found, and copied again, by the next look.
 */
export async function guarded<T>({ engine, plan }: Installed, work: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  const watching = watch().catch(error => engine.log.warn({ err: error }, 'the SQLite file is not watched meanwhile'));
  try {
    return await work();
  } finally {
    over.abort();
    await watching;
  }

  async function watch(): Promise<void> {
    using db = openSource(engine.config.source);
    let seen: unknown;
    for (; !over.signal.aborted; await delay(LOOK_MS, undefined, { signal: over.signal }).catch(() => undefined)) {
      try {
        const version = schemaVersion(db);
        if (version === seen) continue;
        if (examine(db, plan).state === 'lost') await unhook(db, LOCK_WAIT_MS);
        seen = version;
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
    }
  }
}
