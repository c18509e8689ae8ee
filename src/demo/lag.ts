import { setTimeout as delay } from 'node:timers/promises';
import type { AppDatabase } from '../client/client.ts';
import type { Query } from './check.ts';

const WRITE = /* sql */ `insert into sessions (token, expires_at) values ('lag-probe', ?) on conflict (token) do update set expires_at = excluded.expires_at`;

/**
 * Commit-to-visible lag in ms, `samples` times: writes a row through the client and asks the other side every millisecond
 * until it is there. Rejects with `signal`'s reason when that comes first.
 */
export async function probeLag(
  app: AppDatabase,
  target: Query,
  options: { readonly samples: number; readonly pauseMs: number; readonly signal: AbortSignal },
): Promise<number[]> {
  const { samples, pauseMs, signal } = options;
  const lags: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const token = Date.now() * 1_000 + (sample % 1_000); // a number of its own, which both sides hold exactly
    await app.transaction(tx => tx.run(WRITE, token));
    const committed = performance.now();
    while ((await target(`select 1 from sessions where token = 'lag-probe' and expires_at = ${token}`)).length === 0)
      await delay(1, undefined, { signal });
    lags.push(performance.now() - committed);
    await delay(pauseMs, undefined, { signal });
  }
  return lags;
}
