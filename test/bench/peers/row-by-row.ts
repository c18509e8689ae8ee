/* The usual way to replay a log: one statement for each change, in order, in one transaction. */
import Database from 'better-sqlite3';
import { Client } from 'pg';

const CHANGES = /* sql */ `
  select j.k1 as marked, e.* from _attacca_journal j left join events e on e.id = j.k1
  where j.seq > ? and j.tbl = (select tbl from _attacca_journal order by seq desc limit 1) order by j.seq limit ?`;
const DELETE = /* sql */ `delete from events where id = $1`;
const UPSERT = /* sql */ `
  insert into events (id, session, type, created_at, payload, score, flagged, body) values ($1, $2, $3, $4, $5, $6, $7, $8)
  on conflict (id) do update set session = $2, type = $3, created_at = $4, payload = $5, score = $6, flagged = $7, body = $8`;

/** Replays up to `limit` changes behind `seq` into a copy of the target; returns rows per second. */
export async function rowByRow(source: string, target: string, seq: bigint, limit: number): Promise<number> {
  const db = new Database(source, { readonly: true });
  const client = new Client({ connectionString: target });
  await client.connect();
  try {
    await client.query('alter table events disable trigger user'); // attacca's fence: nobody else may write while it replicates
    const changes = db.prepare<[bigint, number], Record<string, unknown>>(CHANGES).iterate(seq, limit);
    const since = performance.now();
    const rows = await replay(client, changes);
    return rows / ((performance.now() - since) / 1_000);
  } finally {
    await client.end();
    db.close();
  }
}

async function replay(client: Client, changes: Iterable<Record<string, unknown>>): Promise<number> {
  let rows = 0;
  await client.query('begin');
  for (const row of changes) {
    rows++;
    if (row.id === null) await client.query({ name: 'delete', text: DELETE, values: [row.marked] });
    else {
      const values = [row.id, row.session, row.type, row.created_at, row.payload, row.score, row.flagged === 1, row.body];
      await client.query({ name: 'upsert', text: UPSERT, values });
    }
  }
  await client.query('commit');
  return rows;
}
