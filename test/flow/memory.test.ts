/* The first copy holds a few chunks, never the file: however large that is, the process stays as small. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { caughtUp, openWorld } from '../support/world.ts';

const MB = 1 << 20;
const FILE_MB = 400;
const LIMIT_MB = 300;

/** The most memory that the process has had so far, in MB. */
const peak = (pid: number | undefined): number =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;

test.skipIf(process.platform !== 'linux')('a file larger than the memory that it may take is copied and caught up with', async () => {
  await using world = await openWorld(db => {
    db.pragma('journal_mode = wal');
    db.exec(`create table page (id integer primary key, body text not null);
      insert into page with recursive n(i) as (select 1 union all select i + 1 from n where i < ${FILE_MB * 256})
        select i, hex(randomblob(${MB / 256 / 2})) from n`);
  });
  const daemon = world.start();
  await world.until(caughtUp);
  expect(peak(daemon.process.pid)).toBeLessThan(LIMIT_MB);
  expect((await world.pg.query('select count(*) as rows from page'))[0]).toEqual({ rows: String(FILE_MB * 256) });
});
