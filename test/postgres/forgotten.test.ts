/*
 * A Postgres that crashes, with batches under way and others that it has acknowledged and not yet written down.
 */
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Slice } from '../../src/change/change.ts';
import { ReplicationError } from '../../src/change/errors.ts';
import { postgresSink } from '../../src/postgres/apply/apply.ts';
import { settle } from '../../src/postgres/apply/small.ts';
import { type Embedded, startEmbedded } from '../../src/postgres/embedded/embedded.ts';
import { readVerified, record } from '../../src/postgres/installed/control.ts';
import { connect as open } from '../../src/postgres/session/open.ts';
import { connect, endWithProcess } from '../support/postgres.ts';
import { batch, item, mark, PLAN, WRITER, world } from './world.ts';

let dir: string;
let server: Embedded;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'attacca-crash-pg-'));
  chmodSync(dir, 0o755);
  server = await start();
  const admin = await connect(server.url);
  // So long that what is not asked to be on disk is surely not there when it crashes.
  await admin.query(`alter system set wal_writer_delay = '10s'`);
  await admin.query('select pg_reload_conf()');
  await admin.end();
});

afterAll(async () => {
  await server.stop();
  rmSync(server.dataDir, { recursive: true, force: true });
  rmSync(dir, { recursive: true, force: true });
});

async function start(): Promise<Embedded> {
  const started = await startEmbedded(dir);
  endWithProcess(started, dir);
  return started;
}

/** `pg_ctl stop -m immediate`, and the recovery after it. */
async function crash(): Promise<void> {
  const { pid, dataDir } = server;
  process.kill(pid, 'SIGQUIT');
  // Until it has left its data it still answers, if only to say that it is going.
  await expect.poll(() => existsSync(join(dataDir, 'postmaster.pid')) && isAlive(pid)).toBe(false);
  server = await start();
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const disposition = (error: unknown): string => (error instanceof ReplicationError ? error.disposition : String(error));

/** Batch n of a history in which every batch says something else about the same rows. */
const nth = (n: number): Partial<Slice>[] => [
  { rows: [item(1, `a${n}`), item(2 + (n % 7), `b${n}`)], gone: [[String(2 + ((n + 3) % 7))]] },
  { table: 2, rows: [['k', '1', `c${n}`]] },
];

/** What `items` holds after batch n. */
function after(n: number): string[] {
  const rows = new Map<number, string>();
  for (let k = 2; k <= n; k++) {
    rows.delete(2 + ((k + 3) % 7));
    rows.set(1, `a${k}`).set(2 + (k % 7), `b${k}`);
  }
  return [...rows].sort(([a], [b]) => a - b).map(([id, u]) => `${id} ${u}`);
}

async function held(): Promise<string[]> {
  const client = await connect(server.url);
  const { rows } = await client.query(`select id || ' ' || u as row from items order by id`);
  await client.end();
  return rows.map(({ row }) => row);
}

test('what a crash of Postgres makes it forget is never half there, comes again, and was never relied on [G2]', async () => {
  const first = await connect(server.url);
  const { session } = await world({
    postgres: { url: server.url, query: async sql => (await first.query(sql)).rows, [Symbol.asyncDispose]: () => first.end() },
  });
  await session.end();
  await first.end();
  let forgotten = 0;
  for (let round = 1, n = 1; round <= 4; round++) {
    const main = await open(server.url, { applicationName: 'attacca test' });
    const side = await open(server.url, { applicationName: 'attacca side' });
    const sink = postgresSink({ session: main, plan: PLAN, writer: WRITER });
    expect(await sink.checkpoint()).toEqual(mark(n));
    if (round === 1) expect(await readVerified(side)).toBe(0n);
    const last = n + 60;
    for (n++; n <= last; n++) {
      await sink.apply(batch(n, nth(n)));
      if (n === last - 20) await record(side, { verifiedSeq: mark(n).seq });
    }
    if (round === 4) {
      await settle(main, WRITER);
      expect((await main.query('show session_replication_role')).rows).toEqual([{ session_replication_role: 'origin' }]);
    }
    const underWay = round === 4 ? undefined : sink.apply(batch(n, nth(n))).then(() => 'applied', disposition);
    await crash();
    expect([undefined, 'applied', 'retry']).toContain(await underWay);
    await Promise.all([main.end(), side.end()]);

    const reader = await open(server.url, { applicationName: 'attacca test' });
    const { seq } = await postgresSink({ session: reader, plan: PLAN, writer: WRITER }).checkpoint();
    expect(await held()).toEqual(after(Number(seq)));
    expect(seq).toBeGreaterThanOrEqual(await readVerified(reader));
    expect(await readVerified(reader)).toBe(mark(last - 20).seq);
    if (round === 4) expect(seq).toBe(mark(last).seq);
    else forgotten += Math.max(0, last - Number(seq));
    n = Number(seq);
    await reader.end();
  }
  expect(forgotten).toBeGreaterThan(0);
});

test('a server that stands earlier than it did is noticed, and leaves no gap [G2]', async () => {
  const session = await open(server.url, { applicationName: 'attacca test' });
  const sink = postgresSink({ session, plan: PLAN, writer: WRITER });
  const { seq } = await sink.checkpoint();
  await sink.apply(batch(Number(seq) + 1, nth(1)));
  const other = await connect(server.url);
  await other.query('update attacca.control set seq = $1, nonce = $2', [String(seq), String(seq * 1000n)]);
  await other.end();
  await expect(sink.apply(batch(Number(seq) + 2, nth(2)))).rejects.toMatchObject({ disposition: 'retry' });
  await session.end();
});
