import { ReplicationError } from '../../../change/errors.ts';
import type { FlagContext, FlagProvider } from '../../../flag/flag.ts';
import { openFlag } from '../../../flag/places.ts';
import { readPhase } from '../../../postgres/installed/control.ts';
import { connect, type Session } from '../../../postgres/session/open.ts';
import { fileControlAt } from '../../../sqlite/capture/control.ts';
import type { Config } from '../../config.ts';

type Lent = { readonly env: NodeJS.ProcessEnv; readonly side: Session; readonly url: string };

/** The flag that the configuration names. */
export const flagOf = (config: Config, lent: Lent): FlagProvider =>
  config.flag === undefined ? noFlag : openFlag(config.flag, contextOf(lent));

/** The flag while Postgres cannot be asked: one that lives there is as none until it is back. `source` says which epoch is in force. */
export function flagWithoutPostgres(config: Config, env: NodeJS.ProcessEnv): FlagProvider {
  if (config.flag === undefined || config.flag.kind === 'postgres') return noFlag;
  const away = async (): Promise<never> => {
    throw new ReplicationError('retry', 'the flag needs Postgres, which cannot be reached', {
      hint: 'it is written when Postgres is back',
    });
  };
  const epoch = async (): Promise<bigint> => fileControlAt(config.source)?.epoch ?? 0n;
  return openFlag(config.flag, { env, epoch, sql: { run: away, trial: away } });
}

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
