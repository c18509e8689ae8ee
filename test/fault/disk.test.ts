/* Full disks: small file systems in memory, where this machine lets a test mount them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { NOBODY } from '../../src/postgres/embedded/native.ts';
import type { SwitchDocument } from '../../src/server/documents.ts';
import { backUp } from '../../src/sqlite/file/backup.ts';
import { run } from '../cli/refusals.ts';
import { testPostgres } from '../support/postgres.ts';
import { buildShop, writeSome } from '../support/shop.ts';
import { caughtUp, openWorld } from '../support/world.ts';

const mount = (...words: string[]): boolean => spawnSync('mount', ['-t', 'tmpfs', ...words]).status === 0;

/** A file system of `size`, which can grow later. undefined where that is not allowed. */
function smallDisk(size: string) {
  const path = mkdtempSync(join(tmpdir(), 'attacca-disk-'));
  const owner = `uid=${NOBODY},gid=${NOBODY},mode=777`;
  const mounted = mount('-o', `size=${size},${owner}`, 'tmpfs', path);
  const done = (): void => {
    if (mounted) spawnSync('umount', ['-l', path]);
    rmSync(path, { recursive: true, force: true });
  };
  if (!mounted) done();
  return mounted ? { path, grow: (to: string) => mount('-o', `remount,size=${to}`, path), [Symbol.dispose]: done } : undefined;
}

const probe = smallDisk('1m');
probe?.[Symbol.dispose]();
const REASON = probe === undefined ? ' (skipped: this user may not mount)' : '';

test.skipIf(probe === undefined || (process.env.ATTACCA_TEST_PG ?? '') !== '')(
  `Postgres's disk is full: one sentence says so, and it goes on when there is room [G2] [G7]${REASON}`,
  async () => {
    using disk = smallDisk('24m')!;
    const pg = await testPostgres();
    const space = `small_${process.pid}`;
    await pg.query(`create tablespace ${space} location '${disk.path}'`);
    {
      await using world = await openWorld(buildShop(50), {}, { server: { ...pg, [Symbol.asyncDispose]: async () => undefined } });
      await pg.query(`alter database "${new URL(pg.url).pathname.slice(1)}" set default_tablespace = ${space}`);
      const daemon = world.start();
      await world.until(caughtUp);
      world.app.prepare('update orders set photo = randomblob(900000)').run();
      await expect.poll(() => daemon.log()).toContain('no space is left on the disk of the Postgres server');
      expect(daemon.log()).toContain('restarting');
      disk.grow('200m');
      await world.until(caughtUp);
      expect(await world.differences()).toEqual([]);
      expect(daemon.process.exitCode).toBeNull();
    }
    await pg[Symbol.asyncDispose]();
  },
);

test.skipIf(probe === undefined)(
  `the temp folder is full: a large batch waits, and goes on when there is room [G2] [G7]${REASON}`,
  async () => {
    using disk = smallDisk('300k')!;
    await using world = await openWorld(buildShop(3_000), {}, { env: { TMPDIR: disk.path } });
    const daemon = world.start();
    await world.until(caughtUp);
    world.app
      .prepare(
        `with recursive n (i) as (select 1 union all select i + 1 from n where i < 25000) insert into log select 'bulk ' || i, i from n`,
      )
      .run();
    await expect.poll(() => daemon.log()).toMatch(/the temp folder \S+ is full|no space is left on the disk/);
    disk.grow('200m');
    await world.until(caughtUp);
    expect(await world.differences()).toEqual([]);
    expect(daemon.process.exitCode).toBeNull();
  },
);

test.skipIf(probe === undefined)(
  `the disk of the SQLite file is full: replication goes on, marks stay until there is room [G2] [G6]${REASON}`,
  async () => {
    using disk = smallDisk('8m')!;
    const folder = mkdtempSync(join(disk.path, 'app-'));
    await using world = await openWorld(buildShop(500), {}, { folder });
    const daemon = world.start();
    await world.until(caughtUp);
    writeSome(world.app, 50);
    const ballast = join(disk.path, 'ballast');
    expect(() => writeFileSync(ballast, Buffer.alloc(10_000_000))).toThrow(/ENOSPC/);
    await expect.poll(() => daemon.log()).toContain('no space is left on the disk of');
    rmSync(ballast);
    writeSome(world.app, 5);
    await world.until(caughtUp);
    expect(await world.differences()).toEqual([]);
    expect(daemon.process.exitCode).toBeNull();
    await expect.poll(() => Number(world.app.prepare('select count(*) from _attacca_journal').pluck().get())).toBeLessThan(100);
  },
);

test.skipIf(probe === undefined)(
  `on a full disk every command that reads the file says that it is, and where; with room again it works [G7]${REASON}`,
  async () => {
    using disk = smallDisk('1m')!;
    const source = join(mkdtempSync(join(disk.path, 'app-')), 'app.db');
    const app = new Database(source);
    buildShop(50)(app);
    app.close();
    const ballast = join(disk.path, 'ballast');
    expect(() => writeFileSync(ballast, Buffer.alloc(2_000_000))).toThrow(/ENOSPC/);
    for (const words of [['assess'], ['plan'], ['sync', '--once']]) {
      const { code, stderr } = await run([...words, '--source', source, '--quiet'], { cwd: disk.path });
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/^attacca: the disk of \S+app\.db is full, or fails \(SQLITE_\w+\)\n {2}→ make room/),
      ]);
    }
    rmSync(ballast);
    expect((await run(['plan', '--source', source, '--quiet'], { cwd: disk.path })).code).toBe(0);
  },
);

test.skipIf(probe === undefined)(
  `there is no room for the backup: the cutover is refused by name, and nothing is fenced [G9]${REASON}`,
  async () => {
    using disk = smallDisk('300k')!;
    await using world = await openWorld(buildShop(5_000), { backup: { folder: disk.path } });
    world.start();
    await world.until(caughtUp);
    await world.json(0, 'verify');
    const { blockers } = await world.json<SwitchDocument>(3, 'cutover', '--yes');
    expect(blockers).toMatchObject([{ code: 'backup', reason: expect.stringMatching(/it needs \d+ MB and 1 MB are free$/) }]);
    expect(readdirSync(disk.path)).toEqual([]);
    writeSome(world.app, 1);
    // Where the room goes only while it is copied, SQLite says so, and the half copy goes.
    await expect(backUp(world.source, join(disk.path, 'copy.db'), () => undefined)).rejects.toThrow('full');
    disk.grow('200m');
    await world.json(0, 'cutover', '--yes');
    expect(readdirSync(disk.path).filter(name => name.endsWith('.db'))).toHaveLength(1);
  },
);
