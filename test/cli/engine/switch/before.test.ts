/* What comes before a switch, on a real pair: everything that may stand in its way is asked, and as little as possible is left to do. */
import { expect, test } from 'vitest';
import type { Lsn } from '../../../../src/change/change.ts';
import { SourceMoved } from '../../../../src/change/errors.ts';
import type { Installed } from '../../../../src/cli/engine/engine.ts';
import { approachPostgres } from '../../../../src/cli/engine/switch/approach.ts';
import { gatherFacts } from '../../../../src/cli/engine/switch/facts.ts';
import { ready } from '../../../../src/cli/engine/switch/ready.ts';
import { blockers, type Direction } from '../../../../src/cutover/gate.ts';
import type { FlagState } from '../../../../src/flag/flag.ts';
import { postgresSink } from '../../../../src/postgres/apply/apply.ts';
import { resetProgress } from '../../../../src/postgres/apply/chunk.ts';
import { put } from '../../../../src/postgres/apply/quarantine.ts';
import { buildKeys } from '../../../../src/postgres/installed/constraints.ts';
import { readVerified } from '../../../../src/postgres/installed/control.ts';
import { installPostgres } from '../../../../src/postgres/installed/install.ts';
import { connect, type PgRecord, type Session } from '../../../../src/postgres/session/open.ts';
import { install } from '../../../../src/sqlite/capture/install.ts';
import { headMark } from '../../../../src/sqlite/capture/marking.ts';
import { closeSqlite } from '../../../../src/sqlite/mirror/fence.ts';
import { hold } from '../../../../src/sqlite/mirror/hold.ts';
import { readSchema } from '../../../../src/sqlite/schema/tables.ts';
import { INSTALL, INSTALLATION, misfit, WRITER } from '../../../postgres/world.ts';
import { planOf, scratch } from '../../../sqlite/planned.ts';
import { testPostgres } from '../../../support/postgres.ts';

/** A file of table t, and others that stay out of the plan, captured; and a target that follows it. */
async function pair(others = '') {
  const stack = new AsyncDisposableStack();
  const file = stack.use(scratch('create table t (id integer primary key, a)'));
  const pg = stack.use(await testPostgres());
  const session = stack.use(await connect(pg.url, { applicationName: 'attacca test' }));
  const plan = planOf(readSchema(file.db));
  file.db.exec(others);
  await installPostgres(session, plan, INSTALLATION);
  await buildKeys(session, plan);
  const head = await install(file.db, plan, { install: INSTALL, target: 't' }, 1_000);
  await resetProgress(session, { plan, writer: WRITER, mark: head, totals: new Map() });
  return { file, pg, session, plan, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test('what came since is applied and compared; a difference, or another schema, refuses before anything is fenced [G9]', async () => {
  await using world = await pair();
  const { file, pg, session, plan } = world;
  const config = { source: file.path };
  const on = { engine: { config, main: session, side: session }, plan } as unknown as Installed;
  const sink = postgresSink({ session, plan, writer: WRITER });
  const open = await ready({ config, url: pg.url } as Parameters<typeof ready>[0]);
  const approach = () => approachPostgres(on, sink, open, 1n);
  try {
    file.db.exec("insert into t values (1, 'a'), (2, 'b')");
    await approach();
    expect(await readVerified(session)).toBe(headMark(file.db).seq);
    expect(await pg.query('select count(*) from t')).toEqual([{ count: '2' }]);

    const verified = headMark(file.db).seq;
    file.db.exec("update t set a = 'c' where id = 1");
    await sink.apply({ position: headMark(file.db), changes: { marks: 1, size: 0, replaced: [], slices: () => [] } });
    await expect(approach()).rejects.toMatchObject({ blockers: [{ code: 'differences' }] });
    expect(await readVerified(session), 'what differs is not taken for compared').toBe(verified);

    file.db.exec('alter table t add column b');
    await expect(approach()).rejects.toBeInstanceOf(SourceMoved);
  } finally {
    await open.release();
  }
});

/** What only another server or role would answer. */
const ANSWERS: readonly (readonly [part: string, answer: PgRecord])[] = [
  ["name = 'max_slot_wal_keep_size'", { kept: '1', senders: '0', most: '1' }],
  ['row_security_active', { table: 't', role: 'us', owner: 'them', owned: 'f', allowed: 'f', hidden: 't' }],
  ["current_setting('wal_level')", { wal_level: 'logical', replication: 'f', free_slot: 'f', role: 'us' }],
];

const LIMITS = { maxLagMs: 0, verifyMaxAgeMinutes: 60, maxClockSkewMs: -1, minFreeMegabytes: 2 ** 40, roles: ['nobody_there'] };

/** The codes of what stands in the way on this pair, with nothing else to say. */
async function inTheWay({ file, session, plan }: Awaited<ReturnType<typeof pair>>, direction: Direction, flagged: () => FlagState) {
  const query = (async (statement, values) => {
    const result = await session.query(statement, values);
    const [, answer] = ANSWERS.find(([part]) => String(statement).includes(part)) ?? [];
    return answer === undefined ? result : { ...result, rows: [{ ...result.rows[0], ...answer }] };
  }) as Session['query'];
  const flag = { check: async () => undefined, read: async () => flagged(), describe: () => 'f' };
  const engine = {
    config: { source: file.path, cutover: LIMITS },
    side: { ...session, query },
    flag,
    throttle: { value: { paused: false } },
  };
  const on = { engine, plan, writer: WRITER, install: INSTALL } as unknown as Installed;
  const tail = { lag: () => ({ changes: 1n, ms: 1 }) } as Parameters<typeof gatherFacts>[1];
  const facts = await gatherFacts(on, tail, direction, { maxPauseMs: 1_000, reverseProblem: undefined, stopped: undefined });
  return blockers(facts).map(({ code }) => code);
}

test('before a cutover all of it is asked [G9]', async () => {
  await using world = await pair('create table log (line); create virtual table f using fts5 (a)');
  const { file, session, plan } = world;
  file.db.exec(`create trigger strange after insert on t begin insert into log values (app_function(new.a)); end;
    create trigger mixing after insert on t begin insert into f (rowid, a) values (1, 2); delete from t; end;
    alter table t add column b`);
  await session.query('drop trigger _attacca_fence on public.t; alter table public.t replica identity nothing');
  await session.query(
    `update attacca.control set phase = 'shadowing', full_verified_at = now() - interval '2 hours', full_verified_ok = false`,
  );
  await put(session, plan.tables[0]!, [misfit('["i:1"]', ['1'])]);
  await session.query(`do $$ begin execute format('alter database %I set "attacca.token" = ''x''', current_database()); end $$`);
  const unplanned = { ...world, plan: { ...plan, unplanned: [{ name: 'log', source: '', reason: 'a test' }] } };
  const found = await inTheWay(unplanned, 'cutover', () => ({ primary: 'sqlite', epoch: 10n ** 16n }));
  expect(found).toMatchInlineSnapshot(`
    [
      "lag",
      "quarantine",
      "differences",
      "verification-age",
      "postgres-no-replication",
      "postgres-no-slot",
      "flag",
      "fence",
      "new-tables",
      "schema",
      "triggers",
      "fence-bypass",
      "replica-identity",
      "privileges",
      "clock",
      "disk",
      "disk",
      "application-role",
      "postgres-no-sender",
      "slot-limit",
      "trigger-mixed",
    ]
  `);
  await session.query("update attacca.control set slot = 'ours'"); // among those that are all taken
  const failing = await inTheWay(unplanned, 'cutover', () => {
    throw new Error('the flag cannot be read');
  });
  expect(failing).toEqual(found.filter(code => code !== 'postgres-no-slot'));
});

test('before a rollback all of it is asked [G9]', async () => {
  await using world = await pair();
  using held = await hold(world.file.path, 1_000);
  closeSqlite(held, world.plan, 1n)({ seq: headMark(held.db).seq, lsn: 5n as Lsn, source: '' });
  await held.commit(1_000);
  world.file.db.exec('drop trigger _attacca_fence_update_1');
  await world.session.query(`update attacca.control set phase = 'mirroring'`);
  expect(await inTheWay(world, 'rollback', () => ({ primary: 'sqlite', epoch: 1n }))).toMatchInlineSnapshot(`
    [
      "lag",
      "not-verified",
      "flag",
      "fence",
      "privileges",
      "clock",
      "disk",
      "disk",
      "publication",
      "slot",
    ]
  `);
});
