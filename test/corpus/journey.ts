/*
 * One file through everything: assess, sync, changes, cutover, changes in Postgres, rollback, uninstall; the sides compared after each.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { Client } from 'pg';
import { callDaemon } from '../../src/server/call.ts';
import { StatusDocument } from '../../src/server/documents.ts';
import { connect, testPostgres } from '../support/postgres.ts';
import { isRunning } from '../support/world.ts';
import { asApplication, changeStored, fill } from './change.ts';
import { changeHeld } from './change-held.ts';
import { type Commands, commandsFor, type Daemon, Defect, type Ran, sentence, soundOrThrow } from './commands.ts';
import { type Comparison, compare } from './compare.ts';
import { planInForce } from './held.ts';
import { account, type Disposition } from './objects.ts';
import { randomFrom } from './random.ts';
import { objectsOf, quoted, type StoredObject } from './stored.ts';

export type Outcome = {
  readonly file: string;
  tables: number;
  rows: number;
  /** Of all comparisons. */
  differences: number;
  objects: number;
  named: number;
  made: number;
  /** Changes made in SQLite and in Postgres. */
  changes: [number, number];
  /** Why attacca would not take the file, or not cut over. */
  refused: string | undefined;
  /** Triggers that stood in the way of the cutover, and were dropped as its refusal asks. */
  dropped: string[];
  faults: string[];
  /** What constraints and triggers of the application kept from being changed. */
  notes: string[];
  seconds: number;
};

type Blocker = { readonly code: string; readonly reason: string };

const LIMIT_MS = 300_000;
const FILL_ROWS = 4;

type Way = {
  readonly outcome: Outcome;
  readonly source: string;
  readonly commands: Commands;
  readonly client: Client;
  readonly seed: number;
};

/** `make` puts the file at a path; `filled`: with random rows of the script's. */
export async function journey(
  file: string,
  make: (path: string) => void,
  { seed, filled }: { readonly seed: number; readonly filled: boolean },
): Promise<Outcome> {
  const began = performance.now();
  const outcome: Outcome = {
    file,
    tables: 0,
    rows: 0,
    differences: 0,
    objects: 0,
    named: 0,
    made: 0,
    changes: [0, 0],
    refused: undefined,
    dropped: [],
    faults: [],
    notes: [],
    seconds: 0,
  };
  const folder = mkdtempSync(join(tmpdir(), 'attacca-corpus-'));
  const source = join(folder, 'app.db');
  make(source);
  const pg = await testPostgres();
  const config = join(folder, 'attacca.config.json');
  writeFileSync(
    config,
    JSON.stringify({
      source,
      target: pg.url,
      flag: { kind: 'file', path: join(folder, 'app.env') },
      verify: { everySeconds: 1 },
      cutover: { maxPauseMs: 30_000, maxLagMs: 60_000 }, // a busy machine is no reason to refuse one
    }),
  );
  const client = await connect(pg.url);
  try {
    await client.query(`set timezone = 'UTC'`);
    const way = { outcome, source, commands: commandsFor(config, LIMIT_MS), client, seed };
    if (filled) withApp(source, db => outcome.notes.push(...fill(db, randomFrom(seed), FILL_ROWS).refused));
    await travel(way);
  } catch (error) {
    outcome.faults.push(error instanceof Defect ? error.message : error instanceof Error ? `${error.stack}` : String(error));
  } finally {
    await client.end();
    await pg[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
  outcome.seconds = (performance.now() - began) / 1_000;
  return outcome;
}

async function travel(way: Way): Promise<void> {
  const { outcome, source, commands, client, seed } = way;
  const assessed = await untouched(source, () => commands.run([0, 1, 2, 3], 'assess'));
  if (assessed.code !== 0) return await refused(way, sentence(assessed.document));
  const before = withApp(source, db => objectsOf(db));
  await commands.run([0], 'sync', '--once');
  const plan = await planInForce(client);
  await verified(way, 'after the first copy');
  const stored = withApp(source, db => changeStored(db, plan, randomFrom(seed + 1)));
  outcome.changes[0] = stored.made;
  outcome.notes.push(...stored.refused.map(text => `SQLite: ${text}`));
  const daemon = commands.daemon();
  try {
    await thereAndBack(way, daemon, before, assessed.document.objects as readonly Disposition[]);
  } finally {
    if (isRunning(daemon)) daemon.process.kill('SIGKILL');
    await daemon.exited;
  }
  soundOrThrow('the daemon', daemon.log());
  const after = withApp(source, db => objectsOf(db));
  const kept = before.filter(({ type, name }) => type !== 'trigger' || !outcome.dropped.includes(name));
  if (shown(after) !== shown(kept)) outcome.faults.push('after uninstall the schema is another than before');
}

async function thereAndBack(way: Way, daemon: Daemon, objects: readonly StoredObject[], told: readonly Disposition[]): Promise<void> {
  const { outcome, source, commands, client, seed } = way;
  await shadowing(way, daemon);
  await verified(way, 'after changes in SQLite');
  const switched = await cutover(way);
  if (switched.code === 3) {
    outcome.refused = `cutover: ${sentence(switched.document)}`;
  } else {
    const plan = await planInForce(client);
    const found = await account(client, plan.schema, objects, told); // now: views come with the cutover
    Object.assign(outcome, { objects: found.objects, named: found.named, made: found.made });
    outcome.faults.push(...found.faults);
    const app = new Database(source, { readonly: true });
    const held = await changeHeld(client, app, plan, randomFrom(seed + 2)).finally(() => app.close());
    outcome.changes[1] = held.made;
    outcome.notes.push(...held.refused.map(text => `Postgres: ${text}`));
    await equal(way, 'after changes in Postgres', daemon);
    await commands.run([0], 'verify');
    await commands.run([0], 'rollback', '--yes');
    await verified(way, 'after the rollback');
  }
  await commands.run([0], 'uninstall', '--yes');
  const code = await Promise.race([daemon.exited, delay(30_000, 'late')]);
  if (code !== 0) throw new Defect(`the daemon ended with ${code} after uninstall: ${daemon.log().slice(-300)}`);
}

/** As its refusal asks, without the triggers that only the application can run. */
async function cutover({ outcome, source, commands }: Way): Promise<Ran> {
  const first = await commands.run([0, 3], 'cutover', '--yes');
  const blockers = (first.document.blockers ?? []) as readonly Blocker[];
  const reason = blockers.find(({ code }) => code === 'triggers')?.reason;
  if (reason === undefined) return first;
  outcome.dropped = reason.slice(reason.indexOf(': ') + 2).split(', ');
  withApp(source, db => outcome.dropped.forEach(name => void db.exec(`drop trigger ${quoted(name)}`)));
  for (const end = performance.now() + LIMIT_MS; ; await delay(500)) {
    const again = await commands.run([0, 3], 'cutover', '--yes');
    const codes = ((again.document.blockers ?? []) as readonly Blocker[]).map(({ code }) => code);
    if (codes.includes('not-verified'))
      await commands.run([0], 'verify'); // statements that the schema does not show
    else if (!codes.includes('schema') || performance.now() > end) return again; // until the daemon has followed
  }
}

/** attacca would not have it: it must not have touched it either, and `sync` must say the same. */
async function refused({ outcome, source, commands, client }: Way, reason: string): Promise<void> {
  outcome.refused = reason;
  if (reason === '') outcome.faults.push('refused without a reason');
  await untouched(source, () => commands.run([1, 2, 3], 'sync', '--once'));
  const { rows } = await client.query(
    `select count(*) as n from pg_tables where schemaname not in ('pg_catalog', 'information_schema', 'attacca')`,
  );
  if (rows[0].n !== '0') outcome.faults.push('refused, and there are tables in Postgres');
}

async function verified(way: Way, when: string): Promise<void> {
  await way.commands.run([0], 'verify');
  await equal(way, when);
}

/** By readers of this folder's own. While a daemon mirrors, that may take a moment. */
async function equal({ outcome, source, client }: Way, when: string, daemon?: Daemon): Promise<void> {
  let found: Comparison = { tables: 0, rows: 0, differences: 0, samples: [] };
  for (const end = performance.now() + 30_000; ; await delay(200)) {
    const db = new Database(source, { readonly: true });
    found = await compare(db, client).finally(() => db.close());
    if (found.differences === 0 || daemon === undefined || performance.now() > end) break;
  }
  Object.assign(outcome, { tables: found.tables, rows: Math.max(outcome.rows, found.rows) });
  outcome.differences += found.differences;
  if (found.differences > 0)
    outcome.faults.push(
      `${found.differences} differences ${when}: ${found.samples.slice(0, 3).join('; ')}${daemon === undefined ? '' : ` ${daemon.log().slice(-600)}`}`,
    );
}

async function shadowing({ source }: Way, daemon: Daemon): Promise<void> {
  for (const end = performance.now() + LIMIT_MS; performance.now() < end; await delay(100)) {
    if (daemon.process.exitCode !== null) throw new Defect(`the daemon ended: ${daemon.log().slice(-500)}`);
    const answer = await callDaemon(source, { operation: 'status' }, () => undefined).catch(() => undefined);
    const status = StatusDocument.safeParse(answer?.result).data;
    if (status?.phase === 'shadowing' && status.lag?.changes === '0') return;
  }
  throw new Defect(`HANG: the daemon never caught up: ${daemon.log().slice(-500)}`);
}

/** [G4] Reading leaves every byte where it is. */
async function untouched<T>(source: string, work: () => Promise<T>): Promise<T> {
  const before = hashOf(source);
  const done = await work();
  if (hashOf(source) !== before) throw new Defect('the file has changed where it is only read');
  return done;
}

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
const shown = (objects: ReturnType<typeof objectsOf>): string =>
  JSON.stringify(objects.toSorted((a, b) => (a.type + a.name < b.type + b.name ? -1 : 1)));

/** As the application: a connection of its own, closed again. */
function withApp<T>(source: string, use: (db: Database.Database) => T): T {
  const db = new Database(source);
  try {
    return asApplication(db, () => use(db));
  } finally {
    db.close();
  }
}
