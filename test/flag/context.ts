import type { FlagContext } from '../../src/flag/flag.ts';
import { FlagPlaces, openFlag } from '../../src/flag/places.ts';

/** The flag that a configuration names, as the engine opens it. `epoch`: the one in force by Postgres. */
export function opened(config: object, { epoch = () => 0n, ...lent }: Partial<Omit<FlagContext, 'epoch'>> & { epoch?: () => bigint } = {}) {
  const context: FlagContext = { env: {}, sql: NO_SQL, ...lent, epoch: async () => epoch() };
  return openFlag(FlagPlaces.parse(config), context);
}

const NO_SQL: FlagContext['sql'] = {
  run: () => Promise.reject(new Error('no database here')),
  trial: () => Promise.reject(new Error('no database here')),
};

/** What a failing call was rejected with: its disposition and everything a person could see of it. */
export async function rejected(work: Promise<unknown>): Promise<{ disposition?: string; said: string }> {
  try {
    await work;
  } catch (error) {
    const { disposition, message, hint } = error as { disposition?: string; message: string; hint?: string };
    return { ...(disposition === undefined ? {} : { disposition }), said: `${message} ${hint ?? ''}` };
  }
  throw new Error('was not rejected');
}
