/* The rehearsal, with the real binary: a full cutover and back on a copy, and nothing of it anywhere afterwards. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { type AssessDocument, type AuditDocument, ErrorDocument, RehearsalDocument } from '../../src/server/documents.ts';
import { contents } from '../cli/refusals.ts';
import { testPostgres } from '../support/postgres.ts';
import { buildShop, writeSome } from '../support/shop.ts';
import { tracesBeside, tracesInPostgres } from '../support/traces.ts';
import { attacca, BINARY, caughtUp, isRunning, openWorld, type World } from '../support/world.ts';

/** An application that writes, and leaves something of the machine to the others. */
const WRITES_APART_MS = 10;
const STEPS = ['copy', 'verify', 'cutover', 'rollback', 'verify-back'];

/** A folder that the embedded server's user may pass through, also where that is not ours. */
function passable(): string {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-test-'));
  chmodSync(folder, 0o755);
  return folder;
}

const rehearse = async (world: World, code: number, ...words: string[]): Promise<RehearsalDocument> =>
  RehearsalDocument.parse(await world.json(code, 'rehearse', ...words));

/** Servers of a rehearsal in this folder. */
const servers = (folder: string): string[] =>
  execFileSync('ps', ['ax', '-o', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter(line => line.includes(`-D ${folder}`));

test('there and back on a copy: file, folder, flag and target stay byte by byte as they are, and no hook runs [G11]', async () => {
  const folder = passable();
  const hook = [{ command: ['/bin/sh', '-c', `echo "$ATTACCA_HOOK" >> ${join(folder, 'hooks-that-ran')}`] }];
  const hooks = { 'before-cutover': hook, 'after-fence': hook, 'after-switch': hook, 'after-rollback': hook, 'on-halt': hook };
  await using world = await openWorld(buildShop(200), { hooks, cutover: { roles: ['app'] } }, { folder });
  writeFileSync(world.flag, 'DB_TYPE=sqlite\n');
  await world.reopen(async () => {
    const before = { files: contents(folder), pg: await tracesInPostgres(world.pg) };
    const document = await rehearse(world, 0);
    expect(document).toMatchObject({ ok: true, source: world.source, target: null, rows: 800, differences: 0, blockers: [] });
    expect(document.steps.map(({ name }) => name)).toEqual(STEPS);
    expect(document.rowsPerSecond).toBeGreaterThan(0);
    for (const pause of Object.values(document.pauseMs)) expect(pause).toBeGreaterThan(0);
    expect({ files: contents(folder), pg: await tracesInPostgres(world.pg) }).toEqual(before);
    expect(servers(folder)).toEqual([]);
  });
});

test('beside a daemon that captures the same file and goes on; refused while Postgres is primary [G9]', async () => {
  await using world = await openWorld(buildShop(100), {}, { folder: passable() });
  const daemon = world.start();
  await world.until(caughtUp);
  const before = tracesBeside(world.source);
  const rehearsing = rehearse(world, 0);
  const ended = new AbortController();
  const over = rehearsing.finally(() => ended.abort());
  while (!ended.signal.aborted) {
    writeSome(world.app, 1);
    await delay(WRITES_APART_MS);
  }
  expect(await over).toMatchObject({ ok: true, differences: 0 });
  expect((await rehearse(world, 3, '--target', world.pg.url)).blockers).toMatchObject([{ code: 'controller-running' }]);
  expect(isRunning(daemon)).toBe(true);
  await world.until(caughtUp);
  expect(await world.differences()).toEqual([]);
  expect(tracesBeside(world.source)).toEqual(before);
  expect(existsSync(world.flag)).toBe(false);
  expect(await world.pg.query('select 1 from pg_replication_slots where database = current_database()')).toEqual([]);
  const { entries } = await world.json<AuditDocument>(0, 'audit');
  expect(entries.filter(({ event }) => /cutover|rollback|verified/.test(event))).toEqual([]);

  await world.json(0, 'verify');
  await world.json(0, 'cutover', '--yes');
  const refused = ErrorDocument.parse(await world.json(3, 'rehearse'));
  expect(refused.blockers).toMatchObject([{ code: 'phase' }]);
  await world.json(0, 'rollback', '--yes');
  expect(await rehearse(world, 0)).toMatchObject({ ok: true, differences: 0 });
});

test('what blocks is named before anything is made; waived, it is rehearsed with that [G9]', async () => {
  await using world = await openWorld(db => {
    buildShop(30)(db);
    db.exec(`create trigger quiet after insert on log when new.at < 0 begin select raise(ignore); end`);
  });
  const { ok, blockers, steps } = await rehearse(world, 3);
  expect([ok, steps]).toEqual([false, []]);
  expect(blockers).toMatchObject([{ code: 'raise-ignore' }]);
  const waived = await rehearse(world, 0, '--waive', 'raise-ignore:log');
  expect(waived.findings).toContainEqual(expect.objectContaining({ code: 'raise-ignore', table: 'log' }));
  expect(tracesBeside(world.source).filter(name => name.startsWith('.attacca'))).toEqual([]);
});

test('rows that do not fit are named, and refuse as they would on the night [G9]', async () => {
  await using world = await openWorld(db => {
    buildShop(30)(db);
    db.prepare(`insert into log values ('x', 'not a number')`).run();
  });
  writeFileSync(
    join(world.folder, 'plan.yaml'),
    'version: 1\ntables: { log: { columns: { at: { codec: integer, misfits: quarantine } } } }\n',
  );
  const { blockers, findings, steps } = await rehearse(world, 3, '--plan', join(world.folder, 'plan.yaml'));
  expect(steps.map(({ name }) => name)).toEqual(['copy', 'verify']);
  expect(blockers.map(({ code }) => code)).toContain('quarantine');
  expect(findings).toContainEqual({ code: 'quarantine', table: 'log', column: 'at', message: expect.stringMatching(/^1 rows do not fit/) });
});

test('a target that holds tables of the plan, or functions that an application uses, is refused and stays as it is', async () => {
  await using world = await openWorld(db => {
    buildShop(30)(db);
    db.exec(`create table priced (id integer primary key, price real check (round(price, 2) = price)); insert into priced values (1, 1.5)`);
  });
  for (const statement of ['create table public.customer (id int)', 'create schema sqlite_compat']) {
    await using pg = await testPostgres();
    await pg.query(statement);
    const before = await tracesInPostgres(pg);
    const { blockers } = await rehearse(world, 3, '--target', pg.url);
    expect(blockers).toMatchObject([{ code: 'target-not-empty' }]);
    expect(await tracesInPostgres(pg)).toEqual(before);
  }
  await world.json(0, 'sync', '--once');
  const installed = await tracesInPostgres(world.pg);
  expect((await rehearse(world, 3, '--target', world.pg.url)).ok).toBe(false);
  expect(await tracesInPostgres(world.pg), 'the installation itself').toEqual(installed);
});

test('where the sides differ it ends there, names the row, and leaves the target as it was', async () => {
  await using world = await openWorld(buildShop(30));
  await using pg = await testPostgres();
  const before = await tracesInPostgres(pg);
  const words = [BINARY, 'rehearse', '--source', world.source, '--target', pg.url, '--json', '--quiet'];
  const env = { ...process.env, ATTACCA_DIE_AT: '!snapshot.write:after#4' };
  const child = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  child.stdout.on('data', piece => (stdout += piece));
  const code = new Promise(settle => child.once('close', settle));
  await new Promise(stopped => child.stderr.once('data', stopped));
  await pg.query(`do $$ begin
    perform set_config('attacca.token', install, true) from attacca.control; delete from line where order_id = 7; end $$`);
  child.kill('SIGCONT');
  expect(await code).toBe(4);
  const document = RehearsalDocument.parse(JSON.parse(stdout));
  expect(document).toMatchObject({ ok: false, differences: 1, blockers: [], pauseMs: { cutover: null, rollback: null } });
  expect(document.samples).toMatchObject([{ table: 'line', kind: 'missing' }]);
  expect(document.steps.map(({ name }) => name)).toEqual(['copy', 'verify']);
  expect(await tracesInPostgres(pg)).toEqual(before);
});

test('interrupted in the middle it takes everything away, and there is one at a time', async () => {
  const folder = passable();
  await using world = await openWorld(buildShop(200), {}, { folder });
  await world.reopen(async () => {
    const before = contents(folder);
    for (const [signal, moment] of [
      ['SIGTERM', 'preparing → copying'],
      ['SIGINT', 'switching → mirroring'],
    ] as const) {
      const child = spawn(process.execPath, [BINARY, 'rehearse', '--source', world.source, '--json'], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      child.stdout.on('data', piece => (stdout += piece));
      const code = new Promise(settle => child.once('close', settle));
      await new Promise<void>(reached => {
        let said = '';
        child.stderr.on('data', piece => {
          said += piece;
          if (said.includes(moment)) reached();
        });
      });
      if (signal === 'SIGTERM') {
        child.kill('SIGSTOP');
        const second = ErrorDocument.parse(await world.json(3, 'rehearse'));
        expect(second.blockers).toMatchObject([{ code: 'rehearsal-running' }]);
        child.kill('SIGCONT');
      }
      child.kill(signal);
      expect(await code).toBe(1);
      expect(ErrorDocument.parse(JSON.parse(stdout)).error).toBe('the rehearsal was interrupted');
      expect(contents(folder)).toEqual(before);
      expect(servers(folder)).toEqual([]);
    }
  });
});

test('killed it leaves a folder, and in a named target its tables; the next one removes both', async () => {
  const folder = passable();
  await using world = await openWorld(buildShop(60), {}, { folder });
  await using pg = await testPostgres();
  const before = { beside: tracesBeside(world.source), pg: await tracesInPostgres(pg) };
  const config = ['--config', join(folder, 'attacca.config.json')];
  for (const target of [[], ['--target', pg.url]]) {
    const died = await attacca(['rehearse', ...config, ...target], { env: { ATTACCA_DIE_AT: 'mirror.apply:after' } });
    expect(died.stderr).toMatch(/died at mirror/);
    expect(readdirSync(join(folder, '.attacca'))).toEqual(['rehearsal']);
    await expect.poll(() => servers(folder), { timeout: 60_000 }).toEqual([]);
  }
  const copy = join(folder, '.attacca/rehearsal/app.db/app.db');
  expect(new Database(copy, { readonly: true }).prepare('select "primary" from _attacca_control').pluck().get()).toBe('postgres');
  expect(await tracesInPostgres(pg)).not.toEqual(before.pg);
  expect((await world.run('status')).code, 'a rehearsal is no installation').toBe(3);
  for (const words of [['sync', '--once'], ['status'], ['uninstall', '--yes']]) {
    const { blockers } = ErrorDocument.parse(await world.json(3, ...words, '--target', pg.url));
    expect(blockers).toMatchObject([{ code: 'other-source', reason: expect.stringContaining(`a rehearsal of ${world.source}`) }]);
    expect(blockers[0]?.remedy).toContain(`attacca rehearse --source ${world.source}`);
  }
  const { ready, findings } = await world.json<AssessDocument>(3, 'assess', '--target', pg.url);
  expect(ready).toBe(false);
  expect(findings).toContainEqual(expect.objectContaining({ code: 'other-source', level: 'blocking' }));
  expect(await rehearse(world, 0, '--target', pg.url)).toMatchObject({ ok: true, target: pg.url });
  expect({ beside: tracesBeside(world.source), pg: await tracesInPostgres(pg) }).toEqual(before);
});
