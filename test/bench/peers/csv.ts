/* What people do by hand: `sqlite3 -csv` piped into psql, one table after the other; keys and indexes after the data. */
import { join } from 'node:path';
import { EXPORTS, TARGET_INDEXES, targetTables } from '../support/data.ts';
import { installed, run } from '../support/processes.ts';
import { onServer } from '../support/world.ts';

const TABLES = Object.entries(EXPORTS);

/** `documents`: into jsonb. */
export type Load = { readonly source: string; readonly target: string; readonly documents: boolean };
export type Loaded = { readonly seconds: number; readonly withoutIndexes: number };

const present = (): boolean => installed('sqlite3') && installed('psql');

/** undefined: sqlite3 or psql is not installed. */
export const sqlite3IntoPsql = ({ source, target, documents }: Load): Promise<Loaded | undefined> =>
  load({ target, documents }, async () => {
    for (const [table, select] of TABLES)
      await run('sh', ['-ec', `sqlite3 -csv "$1" "$2" | psql -q "$3" -c "copy ${table} from stdin csv"`, 'sh', source, select, target]);
  });

/** Postgres alone: the CSV files are there already. undefined: sqlite3 or psql is not installed. */
export const readyFiles = ({ source, target, documents }: Load): Promise<Loaded | undefined> =>
  load(
    { target, documents },
    async () => {
      for (const [table] of TABLES) await run('psql', ['-q', target, '-c', `\\copy ${table} from '${fileOf(source, table)}' csv`]);
    },
    async () => {
      for (const [table, select] of TABLES)
        await run('sh', ['-ec', 'sqlite3 -csv "$1" "$2" > "$3"', 'sh', source, select, fileOf(source, table)]);
    },
  );

const fileOf = (source: string, table: string): string => join(source, '..', `${table}.csv`);

async function load(
  { target, documents }: Omit<Load, 'source'>,
  copy: () => Promise<void>,
  prepare = async (): Promise<void> => {},
): Promise<Loaded | undefined> {
  if (!present()) return undefined;
  await prepare();
  await onServer(target, ...targetTables(documents));
  const since = performance.now();
  await copy();
  const withoutIndexes = (performance.now() - since) / 1_000;
  await onServer(target, ...TARGET_INDEXES);
  return { seconds: (performance.now() - since) / 1_000, withoutIndexes };
}
