import { expect, test } from 'vitest';
import { sessions } from '../../src/postgres/session/pool.ts';
import { testPostgres } from '../support/postgres.ts';

test('when one fails, those under way are waited for, nothing more is begun, and no session is left [G7]', async () => {
  const pg = await testPostgres();
  const began: number[] = [];
  const ended: number[] = [];
  const all = async (): Promise<void> => {
    await using pool = sessions(pg.url, 2, { applicationName: 'pool test' });
    await Promise.all(
      [0, 1, 2, 3].map(job =>
        pool.use(async session => {
          began.push(job);
          if (job === 0) throw new Error('the first one');
          await session.query('select pg_sleep(0.2)');
          ended.push(job);
        }),
      ),
    );
  };
  await expect(all()).rejects.toThrow('the first one');
  expect(ended.toSorted()).toEqual(began.filter(job => job !== 0).toSorted());
  expect(began).not.toContain(3);
  await expect.poll(() => pg.query(`select 1 from pg_stat_activity where application_name = 'pool test'`)).toEqual([]);
});
