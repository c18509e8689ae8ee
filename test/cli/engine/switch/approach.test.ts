/* What comes right before a cutover, on a real pair: what was written since the last comparison is brought and compared, or refuses. */
import { expect, test } from 'vitest';
import { SourceMoved } from '../../../../src/change/errors.ts';
import type { Installed } from '../../../../src/cli/engine/engine.ts';
import { approachPostgres } from '../../../../src/cli/engine/switch/approach.ts';
import { ready } from '../../../../src/cli/engine/switch/ready.ts';
import { postgresSink } from '../../../../src/postgres/apply/apply.ts';
import { resetProgress } from '../../../../src/postgres/apply/chunk.ts';
import { buildKeys } from '../../../../src/postgres/installed/constraints.ts';
import { readVerified } from '../../../../src/postgres/installed/control.ts';
import { installPostgres } from '../../../../src/postgres/installed/install.ts';
import { connect } from '../../../../src/postgres/session/open.ts';
import { install } from '../../../../src/sqlite/capture/install.ts';
import { headMark } from '../../../../src/sqlite/capture/marking.ts';
import { readSchema } from '../../../../src/sqlite/schema/tables.ts';
import { INSTALL, INSTALLATION, WRITER } from '../../../postgres/world.ts';
import { planOf, scratch } from '../../../sqlite/planned.ts';
import { testPostgres } from '../../../support/postgres.ts';

test('what came since is applied and compared; a difference, or another schema, refuses before anything is fenced [G9]', async () => {
  using file = scratch('create table t (id integer primary key, a)');
  await using pg = await testPostgres();
  await using session = await connect(pg.url, { applicationName: 'attacca test' });
  const plan = planOf(readSchema(file.db));
  await installPostgres(session, plan, INSTALLATION);
  await buildKeys(session, plan);
  const head = await install(file.db, plan, { install: INSTALL, target: 't' }, 1_000);
  await resetProgress(session, { plan, writer: WRITER, mark: head, totals: new Map() });
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
