import type { FlagContext, FlagProvider } from '../../flag/flag.ts';
import { openFlag } from '../../flag/places.ts';
import { readPhase } from '../../postgres/control.ts';
import { connect, type Session } from '../../postgres/open.ts';
import type { Config } from '../config.ts';

type Lent = { readonly env: NodeJS.ProcessEnv; readonly side: Session; readonly url: string };

/** The flag that the configuration names. */
export const flagOf = (config: Config, lent: Lent): FlagProvider =>
  config.flag === undefined ? noFlag : openFlag(config.flag, contextOf(lent));

function contextOf({ env, side, url }: Lent): FlagContext {
  return {
    env,
    epoch: async () => (await readPhase(side)).epoch,
    sql: {
      run: async (text, values) => (await side.query(text, values)).rows,
      async trial(text, values) {
        await using session = await connect(url, { applicationName: 'attacca flag' });
        await session.query('begin');
        await session.query(text, values);
        await session.query('rollback');
      },
    },
  };
}

const noFlag: FlagProvider = {
  read: async () => undefined,
  write: async () => undefined,
  check: async () => undefined,
  describe: () => 'no flag configured',
};
