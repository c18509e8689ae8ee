/*
 * A flag in a row of a table in the target database, with a NOTIFY in the same transaction.
 *
 * (1) One statement compares the epoch, writes and notifies: a reader and a dead server have either the old row or the new one.
 * (2) The table is the application's: it made it, and it stays when attacca goes.
 */
import { z } from 'zod';
import { messageOf, ReplicationError } from '../change/errors.ts';
import { quote } from '../change/quote.ts';
import { DISTINCT, distinct, values } from './config.ts';
import { type FlagProvider, type FlagSql, type FlagState, meant } from './flag.ts';
import { place } from './place.ts';
import { older } from './verified.ts';

export const RowFlag = z
  .strictObject({
    kind: z.literal('postgres'),
    ...values,
    schema: z.string().min(1).default('public'),
    table: z.string().min(1).default('app_flag').describe('A table with name (primary key), value and epoch, made by the application.'),
    key: z.string().min(1).default('DB_TYPE').describe('The name of the row.'),
    channel: z.string().min(1).max(63).default('app_flag').describe('Where the change is notified, as JSON.'),
  })
  .refine(distinct, DISTINCT);
export type RowFlag = Readonly<z.infer<typeof RowFlag>>;

export const rowPlace = place(RowFlag, (config, { sql }) => rowFlag(config, sql));

/** A flag in one row of `config.table`. */
export function rowFlag(config: RowFlag, sql: FlagSql): FlagProvider {
  const name = `${config.key} in ${config.schema}.${config.table}`;
  const read = () => readRow(config, name, sql);
  const given = ({ primary, epoch }: FlagState): string[] => [
    config.key,
    config[primary],
    String(epoch),
    config.channel,
    JSON.stringify({ name: config.key, value: config[primary], primary, epoch: String(epoch) }),
  ];
  return {
    read,
    async write(state) {
      const { length } = await sql.run(upsert(config), given(state));
      if (length === 1) return;
      throw older(name, (await read())?.epoch ?? state.epoch, state.epoch);
    },
    describe: () => name,
    async check() {
      try {
        const state = (await read()) ?? { primary: 'sqlite', epoch: 0n };
        await sql.trial(upsert(config), given(state));
        return undefined;
      } catch (error) {
        return `flag ${name}: ${messageOf(error)}`;
      }
    },
  };
}

const tableOf = (config: RowFlag): string => `${quote(config.schema)}.${quote(config.table)}`;

/** No row comes back where the one that is there has a newer epoch. */
const upsert = (config: RowFlag): string => /* sql */ `
  with written as (
    insert into ${tableOf(config)} as flag (name, value, epoch) values ($1, $2, $3::bigint)
    on conflict (name) do update set value = excluded.value, epoch = excluded.epoch where coalesce(flag.epoch, 0) <= excluded.epoch
    returning 1
  )
  select pg_catalog.pg_notify($4, $5)::text as notified from written`;

async function readRow(config: RowFlag, name: string, sql: FlagSql): Promise<FlagState | undefined> {
  const [row] = await sql.run(`select value::text as value, epoch::text as epoch from ${tableOf(config)} where name = $1`, [config.key]);
  if (row?.value == null || row.value === '') return undefined;
  const primary = meant(row.value, config);
  if (primary !== undefined) return { primary, epoch: BigInt(row.epoch ?? '0') };
  throw new ReplicationError('halt', `flag ${name} is neither '${config.sqlite}' nor '${config.postgres}'`, {
    hint: "correct the row, or the flag's values in the configuration",
  });
}
