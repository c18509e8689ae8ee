/*
 * All tables as they are at one place in the WAL, and a slot that has everything behind it: what the mirror is made of anew.
 *
 * (1) The place and the snapshot are made by one command, that of a new slot: no commit is in both and none in neither [G10]. Where the
 *     mirror's slot is in order, it stays: the new one only lends its snapshot, and whatever fails, the mirror can go on from where it was.
 * (2) The snapshot lives as long as the connection that made it keeps still: it is taken over before anything else happens.
 * (3) Rows come through a cursor: a table of any size passes in bounded memory.
 */
import { Client } from 'pg';
import type { Lsn, PgRow } from '../../change/change.ts';
import { parseLsn } from '../../change/lsn.ts';
import { literal, quote } from '../../change/quote.ts';
import { type Plan, type TablePlan, tableName } from '../../plan/plan.ts';
import { connectionError } from '../session/connection-error.ts';
import { replicationError } from '../session/errors.ts';
import { withoutLimit } from '../session/limit.ts';
import { connect, type Session } from '../session/open.ts';
import { FOR_REPLICATION } from '../session/settings.ts';
import { asVerified } from '../session/tls.ts';
import { dropSlot, heldUp } from './slot.ts';

export type Beginning = AsyncDisposable & {
  /** What commits later comes out of the mirror's slot. */
  readonly position: Lsn;
  /** The rows of a table as they were there, in the plan's column order. One table at a time. */
  rows(table: TablePlan): AsyncGenerator<PgRow>;
};

const CONNECT_MS = 10_000;
const SLOT_MS = 30_000;
const FETCHED = 2_000;

/** Where Postgres keeps no more for it than it would anyhow, what has to be read again is little; and there must be room for another one. */
const IN_ORDER = /* sql */ `
  select from pg_replication_slots where slot_name = $1 and plugin = 'pgoutput' and database = current_database() and wal_status = 'reserved'
    and (select count(*) from pg_replication_slots) < current_setting('max_replication_slots')::integer`;

/**
 * Makes the slot `name` anew unless it is in order; `session` is another one of the same database. Throws ReplicationError ('retry')
 * that names the oldest transaction when writers hold it up for `limitMs`.
 */
export async function beginAgain(
  { url, plan, session }: { readonly url: string; readonly plan: Plan; readonly session: Session },
  name: string,
  limitMs: number = SLOT_MS,
): Promise<Beginning> {
  const stays = (await session.query(IN_ORDER, [name])).rowCount === 1;
  const made = stays ? `${name}_copy` : name;
  await dropSlot(session, made); // also one whose maker was killed while it waited
  const reader = await connect(url, { applicationName: 'attacca mirror copy' });
  try {
    const position = await slotWithSnapshot(url, { name: made, temporary: stays }, { session, reader, limitMs });
    return { position, rows: table => rowsOf(reader, plan, table), [Symbol.asyncDispose]: () => reader.end() };
  } catch (error) {
    await reader.end();
    throw error;
  }
}

type Slot = { readonly name: string; readonly temporary: boolean };
type Making = { readonly session: Session; readonly reader: Session; readonly limitMs: number };

/** On a replication connection, which alone can export the snapshot, and with which a temporary slot goes; `reader` has taken it over when this returns. */
async function slotWithSnapshot(url: string, { name, temporary }: Slot, { session, reader, limitMs }: Making): Promise<Lsn> {
  const maker = await replication(url);
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    maker.connection.stream.destroy();
  }, limitMs);
  try {
    // Keywords of the replication grammar are known in capitals only.
    const { rows } = await maker.query(
      `CREATE_REPLICATION_SLOT ${quote(name)} ${temporary ? 'TEMPORARY' : ''} LOGICAL pgoutput EXPORT_SNAPSHOT`,
    );
    await reader.query(
      `begin isolation level repeatable read read only; set transaction snapshot ${literal(rows[0]?.snapshot_name ?? '')}`,
    );
    return parseLsn(rows[0]?.consistent_point ?? '');
  } catch (error) {
    if (!late) throw replicationError(error);
    await dropSlot(session, name); // the server's end would wait on without its connection, and hold it
    throw await heldUp(session, error);
  } finally {
    clearTimeout(limit);
    await maker.end().catch(() => undefined);
  }
}

async function replication(url: string): Promise<Client> {
  const config = {
    connectionString: asVerified(withoutLimit(url)),
    application_name: 'attacca slot',
    connectionTimeoutMillis: CONNECT_MS,
    replication: 'database',
  };
  const client = new Client(config);
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(FOR_REPLICATION);
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw connectionError(error, client);
  }
}

async function* rowsOf(reader: Session, plan: Plan, table: TablePlan): AsyncGenerator<PgRow> {
  const columns = table.columns.map(({ target }, index) => `${quote(target)} as c${index}`).join(', ');
  await reader.query(`declare attacca_rows no scroll cursor for select ${columns} from ${tableName(plan, table)}`);
  for (;;) {
    const { rows } = await reader.query({ text: `fetch ${FETCHED} from attacca_rows`, slow: true });
    for (const row of rows) yield table.columns.map((_, index) => row[`c${index}`] ?? null);
    if (rows.length < FETCHED) break;
  }
  await reader.query('close attacca_rows');
}
