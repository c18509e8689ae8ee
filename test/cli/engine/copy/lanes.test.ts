/*
 * Two lanes of the first copy, as real threads between a real file and a real server, against the way on which every value goes
 * through its codec: the tables and the quarantine must be the same.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RawText, type Value } from '../../../../src/change/value.ts';
import { startLane } from '../../../../src/cli/engine/copy/lanes.ts';
import * as document from '../../../../src/plan/document.ts';
import type { CodecName, ColumnPlan, Plan } from '../../../../src/plan/plan.ts';
import { resetProgress, writeChunk } from '../../../../src/postgres/apply/chunk.ts';
import { list } from '../../../../src/postgres/apply/quarantine.ts';
import { installPostgres } from '../../../../src/postgres/installed/install.ts';
import { connect } from '../../../../src/postgres/session/open.ts';
import { snapshot } from '../../../../src/replicate/snapshot.ts';
import { install } from '../../../../src/sqlite/capture/install.ts';
import { openSource } from '../../../../src/sqlite/open.ts';
import { rowsBetween } from '../../../../src/sqlite/read/chunk.ts';
import { readPortion } from '../../../../src/sqlite/read/portion.ts';
import { INSTALLATION, mark, WRITER } from '../../../postgres/world.ts';
import { testPostgres } from '../../../support/postgres.ts';
import { DECLARED, fitting, values } from '../../../support/values.ts';

const TYPES: Readonly<Partial<Record<CodecName, ColumnPlan['type']>>> = {
  integer: 'bigint',
  real: 'double precision',
  number: 'double precision',
  text: 'text',
  blob: 'bytea',
  boolean: 'boolean',
  tagged: 'text',
};
const CODECS = Object.keys(TYPES) as CodecName[];
const ROWS = 80;
const ALLOWANCE = { rows: 20, bytes: 1e9, ms: 1e9 };

const column = (name: string, codec: CodecName, affinity: ColumnPlan['affinity']) =>
  ({ name, target: name, type: TYPES[codec], codec, affinity, notNull: false, default: null, reason: 'a test' }) as ColumnPlan;

/** The affinity that a codec's columns mostly have; `blob` is the one that changes no value. */
const OWN: Readonly<Partial<Record<CodecName, ColumnPlan['affinity']>>> = {
  integer: 'integer',
  real: 'real',
  number: 'numeric',
  boolean: 'integer',
};

/** Tables for every codec: with its own affinity, and with the one that lets every value be. */
function planned(encoding: string): Plan {
  const tables = CODECS.flatMap(codec =>
    [...new Set([OWN[codec] ?? 'text', 'blob'] as const)].map(affinity => ({ codec, affinity, name: `${codec}_${affinity}` })),
  );
  return document.Plan.parse({
    version: 1,
    schema: 'public',
    encoding,
    tables: tables.map(({ name, codec, affinity }, index) => ({
      id: index + 1,
      name,
      target: name,
      withoutRowid: false,
      rowid: 'id',
      key: { kind: 'rowid', columns: [0] },
      identity: null,
      autoincrement: false,
      columns: [column('id', 'integer', 'integer'), column('v', codec, affinity)],
      indexes: [],
      foreignKeys: [],
    })),
  });
}

/** First values that fit, so that pieces of CSV stay whole, then any. */
function fill(path: string, plan: Plan, encoding: string): void {
  const db = new Database(path);
  db.pragma(`encoding = '${encoding}'`);
  db.exec('begin');
  for (const { name, columns } of plan.tables) {
    const { codec, affinity } = columns[1]!;
    db.exec(`create table ${name} (id integer primary key, v ${DECLARED[affinity]})`);
    const ordinary = fc.constantFrom(...(fitting[codec] ?? []));
    const all: Value[] = [...fc.sample(ordinary, ROWS), ...fc.sample(values, ROWS)];
    const plain = db.prepare(`insert into ${name} (v) values (?)`);
    const raw = db.prepare(`insert into ${name} (v) values (+cast(? as text))`);
    for (const value of all) value instanceof RawText ? raw.run(value.bytes) : plain.run(value);
  }
  db.exec('commit');
  db.close();
}

async function target(plan: Plan) {
  const postgres = await testPostgres();
  const session = await connect(postgres.url, { applicationName: 'attacca test' });
  await installPostgres(session, plan, INSTALLATION);
  await resetProgress(session, { plan, writer: WRITER, mark: mark(1), totals: new Map() });
  return {
    postgres,
    session,
    async contents() {
      const quarantined = (await list(session, 100_000)).map(({ table, key, column: of, reason }) => ({
        table,
        key,
        of,
        reason,
      }));
      const tables: unknown[] = [];
      for (const { name } of plan.tables)
        tables.push(await postgres.query(`select '${name}' as t, id::text, v::text from ${name} order by id`));
      return { tables, quarantined: quarantined.map(row => JSON.stringify(row)).sort() };
    },
    async [Symbol.asyncDispose]() {
      await session.end();
      await postgres[Symbol.asyncDispose]();
    },
  };
}

const POLICY = { policy: 'quarantine', afterRows: 0 } as const;

test.each(['UTF-8', 'UTF-16le'])('what SQLite encodes arrives as what the codecs encode: %s [G4]', async encoding => {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-lanes-'));
  try {
    const path = join(folder, 'app.db');
    const plan = planned(encoding);
    fill(path, plan, encoding);
    await using exact = await target(plan);
    const db = openSource(path);
    await install(db, plan, { install: INSTALLATION.install, target: 'x/y' }, 5_000);
    for (const table of plan.tables) {
      const { rows, misfits } = rowsBetween(db, table, null, null);
      const portion = { csv: [], rows, misfits, size: rows.length, cursor: null };
      await writeChunk({ session: exact.session, plan, writer: WRITER }, { table, from: null, portion }, async () => undefined);
    }
    db.close();

    await using fast = await target(plan);
    const options = { source: path, url: fast.postgres.url, plan, writer: WRITER, policy: POLICY };
    const lanes = [startLane(options, () => undefined), startLane(options, () => undefined)];
    await snapshot(
      {
        tables: plan.tables.map(({ id }) => id),
        lanes,
        progress: new Map(),
        pace: { admit: async () => undefined, reading: read => read(ALLOWANCE), rest: async () => undefined },
        onProgress: () => undefined,
      },
      new AbortController().signal,
    );
    for (const lane of lanes) await lane[Symbol.asyncDispose]();
    expect(await fast.contents()).toEqual(await exact.contents());
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('rows that fit leave SQLite as CSV, also beside rows that do not, until there are enough of them, bytes or time [G6]', () => {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-lanes-'));
  try {
    const path = join(folder, 'app.db');
    const plan = planned('UTF-8');
    fill(path, plan, 'UTF-8');
    const db = openSource(path);
    for (const table of plan.tables.filter(({ name }) => ['text_text', 'integer_integer', 'blob_blob', 'boolean_integer'].includes(name))) {
      const portion = readPortion(db, table, null, { rows: ROWS, bytes: 1e9, ms: 1e9 });
      expect(portion).toMatchObject({ rows: [], misfits: [], size: ROWS, cursor: `["i:${ROWS}"]` });
      const lines = portion.csv.reduce((sum, piece) => sum + piece.length, 0);
      expect(lines).toBeGreaterThan(ROWS);
      for (const enough of [{ bytes: 1 }, { ms: 0 }])
        expect(readPortion(db, table, null, { rows: ROWS, bytes: 1e9, ms: 1e9, ...enough }).size).toBeLessThan(ROWS);
    }
    db.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a thread's failure arrives as the error that it was", async () => {
  const missing = { source: '/nowhere/app.db', url: 'postgresql://localhost/x', plan: planned('UTF-8'), writer: WRITER, policy: POLICY };
  const lane = startLane(missing, () => undefined);
  await expect(lane.read(1, null, ALLOWANCE)).rejects.toMatchObject({ name: 'UsageError', message: 'there is no file at /nowhere/app.db' });
  await lane[Symbol.asyncDispose]();
  await expect(lane.read(1, null, ALLOWANCE)).rejects.toMatchObject({ disposition: 'halt' });
});
