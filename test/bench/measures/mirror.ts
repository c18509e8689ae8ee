import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { StatusDocument } from '../../../src/server/documents.ts';
import { now } from '../support/clock.ts';
import { startMirrorReader, startMirrorWriter } from '../support/live.ts';
import { attacca, startDaemon, syncOnce } from '../support/processes.ts';
import { count, type Line, percentile, round } from '../support/report.ts';
import { onServer, type World } from '../support/world.ts';

const PER_SECOND = 500;
const POLL_MS = 50;
const READY_MS = 60_000;
const DRAIN_MS = 600_000;
const FROM = 1_000_000_000;

const EVENTS = (from: number, rows: number): string => /* sql */ `
  insert into events (id, session, type, created_at, payload, score, flagged)
  select ${from} + n, 'sess-' || n % 1000, 'bench', '2026-01-01T00:00:00.000Z', '{"path":"/checkout","ms":12,"tags":["a","b"]}', n / 7.0, n % 2 = 0
  from generate_series(0, ${rows - 1}) n`;

type Mirroring = { readonly source: string; readonly target: string; readonly daemon: ReturnType<typeof startDaemon> };

/** Postgres → SQLite after a cutover: how many rows a second, how old they are, and what memory the largest transaction takes. */
export async function mirror(world: World): Promise<Line[]> {
  world.say('mirror: copy, compare, cut over');
  const on = await cutOver(world);
  const lines = [await lag(world, on), await rate(world, on, 1_000, 'in transactions of 1,000'), await updates(world, on)];
  lines.push(await large(world, on));
  await on.daemon.stop();
  world.remove(on.source);
  await world.drop(on.target);
  return lines;
}

async function cutOver(world: World): Promise<Mirroring> {
  const source = world.application(Math.ceil(world.options.rows / 16));
  const target = await world.database();
  await syncOnce(source, target);
  const daemon = startDaemon(source, target);
  for (const deadline = now() + READY_MS; !(await runs(source, target)); await delay(POLL_MS))
    if (now() > deadline) throw new Error('the daemon does not start');
  await attacca('verify', source, target);
  await attacca('cutover', source, target, '--yes');
  return { source, target, daemon };
}

/** Asked of `status`, which never is the controller itself. */
const runs = async (source: string, target: string): Promise<boolean> =>
  StatusDocument.parse(JSON.parse((await attacca('status', source, target)).stdout)).daemon !== null;

async function lag(world: World, { source, target }: Mirroring): Promise<Line> {
  const seconds = Math.max(1, world.options.seconds / 4);
  world.say(`mirror, ${PER_SECOND} writes/s`);
  const reader = await startMirrorReader({ source, from: FROM });
  const written = await startMirrorWriter({ target, perSecond: PER_SECOND, seconds, from: FROM }).done;
  await arrived(source, Math.max(...written.ids));
  await delay(POLL_MS);
  const seen = await reader.stop();
  const when = new Map(seen.ids.map((id, index) => [id, seen.at[index] ?? 0]));
  const ages = written.ids.flatMap((id, index) => {
    const at = when.get(id);
    return at === undefined ? [] : [Math.max(0, at - (written.at[index] ?? 0))];
  });
  const [p50, p99] = [percentile(ages, 50), percentile(ages, 99)];
  const reached = written.ids.length / seconds;
  return {
    measure: 'mirror',
    what: `commit in Postgres to visible in SQLite at ${PER_SECOND} writes/s`,
    reach: 'p50 ≤ 10 ms',
    measured: `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms (${count(reached)} writes/s reached)`,
    numbers: { p50: round(p50), p99: round(p99), writesPerSecond: Math.round(reached) },
  };
}

async function rate(world: World, on: Mirroring, size: number, how: string): Promise<Line> {
  const rows = Math.max(size, Math.ceil(world.options.rows / 8 / size) * size);
  world.say(`mirror, ${rows} rows ${how}`);
  const from = FROM * 2;
  const since = now();
  await onServer(on.target, ...Array.from({ length: rows / size }, (_, n) => EVENTS(from + n * size, size)));
  await arrived(on.source, from + rows - 1);
  return rateLine(`inserts ${how}`, rows, (now() - since) / 1_000, '≥ 10,000 rows/s');
}

async function updates(world: World, on: Mirroring): Promise<Line> {
  const rows = Math.max(1_000, Math.ceil(world.options.rows / 16));
  const since = now();
  await onServer(
    on.target,
    `update events set score = score + 1 where id in (select id from events order by id limit ${rows})`,
    EVENTS(FROM * 3, 1),
  );
  await arrived(on.source, FROM * 3);
  return rateLine('updates in one transaction', rows, (now() - since) / 1_000, '');
}

async function large(world: World, on: Mirroring): Promise<Line> {
  const rows = Math.max(1_000, Math.ceil((world.options.rows * 5) / 8));
  world.say(`mirror, ${rows} rows in one transaction`);
  const from = FROM * 4;
  const since = now();
  await onServer(on.target, EVENTS(from, rows));
  await arrived(on.source, from + rows - 1);
  const line = rateLine('inserts in one transaction', rows, (now() - since) / 1_000, '');
  const peakMb = on.daemon.peakMb();
  return {
    ...line,
    measured: `${line.measured}, peak memory of the daemon ${Math.round(peakMb)} MB`,
    numbers: { ...line.numbers, peakMb: Math.round(peakMb) },
  };
}

function rateLine(what: string, rows: number, seconds: number, reach: string): Line {
  const perSecond = rows / seconds;
  const numbers = { rows, seconds: round(seconds), rowsPerSecond: Math.round(perSecond) };
  return {
    measure: 'mirror',
    what: `${count(rows)} ${what}`,
    reach,
    measured: `${count(perSecond)} rows/s until all are in SQLite`,
    numbers,
  };
}

/** Resolves when SQLite has the row. */
async function arrived(source: string, id: number): Promise<void> {
  const db = new Database(source, { readonly: true, timeout: 10_000 });
  const there = db.prepare('select 1 from events where id = ?');
  try {
    for (const deadline = now() + DRAIN_MS; there.get(id) === undefined; await delay(POLL_MS))
      if (now() > deadline) throw new Error(`row ${id} did not arrive within ${DRAIN_MS / 1_000} s`);
  } finally {
    db.close();
  }
}
