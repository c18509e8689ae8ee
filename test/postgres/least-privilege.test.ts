import { expect, test } from 'vitest';
import { quote } from '../../src/change/quote.ts';
import { writeChunk } from '../../src/postgres/apply/chunk.ts';
import { targetState } from '../../src/postgres/compare/state.ts';
import { preflight } from '../../src/postgres/gate/preflight.ts';
import { addForeignKeys, analyze, buildIndexes, dropForeignKeys, validateForeignKeys } from '../../src/postgres/installed/constraints.ts';
import { acquire, advance } from '../../src/postgres/installed/control.ts';
import { fencePostgres, lockTables, opening } from '../../src/postgres/installed/fence.ts';
import { installPostgres, uninstallPostgres } from '../../src/postgres/installed/install.ts';
import { plannedObjects } from '../../src/postgres/installed/objects.ts';
import { readSequences, setSequences } from '../../src/postgres/installed/sequence.ts';
import { connect, transaction } from '../../src/postgres/session/open.ts';
import { testPostgres } from '../support/postgres.ts';
import { INSTALL, INSTALLATION, item, PLAN, WRITER, world } from './world.ts';

const ROLE = `attacca_owner_${process.pid}`;

test('a role that owns the database and nothing else can do everything on the way there', async () => {
  await using postgres = await testPostgres();
  await postgres.query(`create role ${quote(ROLE)} login`);
  const name = new URL(postgres.url).pathname.slice(1);
  await postgres.query(`alter database ${quote(name)} owner to ${quote(ROLE)}`);
  await postgres.query(`alter schema public owner to ${quote(ROLE)}`);
  const url = Object.assign(new URL(postgres.url), { username: ROLE }).href;
  const writer = { ...WRITER, replicaRole: false };
  try {
    await using w = await world({ url, writer, postgres });
    // What others ask for meanwhile on the same session is done, and stays.
    const others = (async () => {
      for (let i = 0; i < 20; i++) await w.session.query(`create temporary table kept_${i} ()`);
    })();
    const [facts] = await Promise.all([preflight(w.session), others]);
    expect((await w.session.query(`select 1 from pg_class where relname like 'kept_%'`)).rowCount).toBe(20);
    expect(facts).toMatchObject({ replicaRole: false, blockers: [] });
    expect(facts.cutoverBlockers.map(({ code }) => code)).toEqual(['postgres-no-replication']);
    await acquire(w.session, 'least');

    const portion = { csv: [Buffer.from('2,\x01b\x01,,,,\n')], rows: [item(1, 'a')], misfits: [], size: 2, cursor: null };
    await writeChunk({ session: w.session, plan: PLAN, writer }, { table: PLAN.tables[0]!, from: null, portion }, async () => undefined);
    await w.apply(5, [{ rows: [item(2, 'a'), item(1, 'b')] }, { table: 4, rows: [['1', '2']] }]);
    await buildIndexes(w.session, PLAN, () => undefined);
    await w.apply(6, [{ rows: [item(2, 'b'), item(1, 'a')] }]);
    await addForeignKeys(w.session, PLAN, () => undefined);
    await validateForeignKeys(w.session, PLAN, () => undefined);
    await analyze(w.session, PLAN);
    await setSequences(w.session, PLAN, new Map([[1, 2n]]), { phase: 'preparing', epoch: 0n });
    expect((await readSequences(w.session, PLAN, 'durably')).get(1)).toBe(2n);

    const state = await targetState(url, PLAN);
    expect(await state.rows(1, [['1']])).toEqual([item(1, 'a')]);
    await state.close();
    await advance(w.session, { from: 'preparing', to: 'mirroring', epoch: 0n, nextEpoch: 1n });
    await w.session.query(opening(1n));
    await transaction(w.session, null, async () => {
      await lockTables(w.session, PLAN, 500);
      await fencePostgres(w.session, 2n, INSTALL);
    });
    await dropForeignKeys(w.session, PLAN);
    await uninstallPostgres(w.session, { keepTables: false });
    await installPostgres(w.session, PLAN, INSTALLATION);
    await uninstallPostgres(w.session, { keepTables: true });
  } finally {
    await postgres.query(`reassign owned by ${quote(ROLE)} to current_user; drop role ${quote(ROLE)}`);
  }
});

test('a role that may not create is told which grant is missing', async () => {
  await using postgres = await testPostgres();
  const guest = `attacca_guest_${process.pid}`;
  await postgres.query(`create role ${quote(guest)} login`);
  try {
    const url = Object.assign(new URL(postgres.url), { username: guest }).href;
    await using session = await connect(url, { applicationName: 'attacca' });
    const { blockers } = await preflight(session);
    expect(blockers).toMatchObject([{ code: 'postgres-no-create', remedy: expect.stringContaining('grant create on database') }]);
  } finally {
    await postgres.query(`drop role ${quote(guest)}`);
  }
});

test('on Amazon RDS no role is given REPLICATION: whoever is in rds_replication may use slots [G9]', async () => {
  await using postgres = await testPostgres();
  const [hosted, group] = [`attacca_hosted_${process.pid}`, `attacca_hosts_${process.pid}`];
  await postgres.query(`create role ${quote(hosted)} login`);
  await using session = await connect(Object.assign(new URL(postgres.url), { username: hosted }).href, { applicationName: 'attacca' });
  const told = async () => (await preflight(session)).cutoverBlockers.map(({ code, remedy }) => `${code}: ${remedy}`);
  try {
    expect(await told()).toEqual([`postgres-no-replication: alter role "${hosted}" replication`]);
    await postgres.query(`create role rds_replication; create role ${quote(group)} in role rds_replication`);
    expect(await told()).toEqual([`postgres-no-replication: grant rds_replication to "${hosted}"`]);
    await postgres.query(`grant ${quote(group)} to ${quote(hosted)}`);
    expect(await told()).toEqual([]);
  } finally {
    await postgres.query(`drop role ${quote(hosted)}; drop role if exists ${quote(group)}; drop role if exists rds_replication`);
  }
});

test('a role without temporary tables is told which grant is missing; nothing passes for compared there [G9]', async () => {
  await using postgres = await testPostgres();
  const owner = `attacca_lasting_${process.pid}`;
  const name = new URL(postgres.url).pathname.slice(1);
  await postgres.query(`create role ${quote(owner)} login`);
  await postgres.query(`grant create on database ${quote(name)} to ${quote(owner)}; grant create on schema public to ${quote(owner)};
    revoke temporary on database ${quote(name)} from public`);
  try {
    const url = Object.assign(new URL(postgres.url), { username: owner }).href;
    await using w = await world({ url, writer: { ...WRITER, replicaRole: false }, postgres });
    const { blockers } = await preflight(w.session);
    expect(blockers).toMatchObject([{ code: 'postgres-no-temporary', remedy: `grant temporary on database "${name}" to "${owner}"` }]);
    await expect(plannedObjects(w.session, PLAN)).rejects.toThrow(/cannot be made there to compare with it: table \w+: permission denied/);
    await uninstallPostgres(w.session, { keepTables: false });
  } finally {
    await postgres.query(`drop owned by ${quote(owner)}; drop role ${quote(owner)}`);
  }
});

test('a role that gets too few connections is told so before anything is copied, and before there would be no way back [G9]', async () => {
  await using postgres = await testPostgres();
  const few = `attacca_few_${process.pid}`;
  const name = new URL(postgres.url).pathname.slice(1);
  await postgres.query(
    `create role ${quote(few)} login replication; grant create on database ${quote(name)} to ${quote(few)}; grant create on schema public to ${quote(few)}`,
  );
  try {
    await using session = await connect(Object.assign(new URL(postgres.url), { username: few }).href, { applicationName: 'attacca' });
    const limited = async (what: string, limit: number) => {
      await postgres.query(`alter ${what} connection limit ${limit}`);
      const { blockers, cutoverBlockers } = await preflight(session);
      return [blockers, cutoverBlockers].map(list => list.map(({ code, remedy }) => `${code}: ${remedy}`));
    };
    for (const what of [`role "${few}"`, `database "${name}"`]) {
      const told = [`postgres-connections: alter ${what} connection limit 16`];
      expect(await limited(what, 4)).toEqual([told, told]);
      expect(await limited(what, 5)).toEqual([[], told]);
      expect(await limited(what, 8)).toEqual([[], []]);
      const { copyBlockers } = await preflight(session);
      expect(copyBlockers(5)).toEqual([]);
      expect(copyBlockers(6)).toMatchObject([
        {
          code: 'postgres-connections',
          reason: expect.stringContaining('takes 8 connections at a time: attacca needs 9 to copy 6 chunks at a time'),
          remedy: `alter ${what} connection limit 18; or a smaller snapshot.parallelChunks`,
        },
      ]);
      expect(await limited(what, -1)).toEqual([[], []]);
    }
  } finally {
    await postgres.query(`drop owned by ${quote(few)}; drop role ${quote(few)}`);
  }
});
