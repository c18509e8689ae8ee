import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { Engine } from '../../../../src/cli/engine/engine.ts';
import { controller } from '../../../../src/cli/engine/run/controlling.ts';
import { makePlace } from '../../refusals.ts';

test('a file that is locked in the middle of what was asked for is named, with what to do [G7]', async () => {
  using place = makePlace();
  const [application, ours] = [new Database(place.source), new Database(place.source, { timeout: 0 })];
  application.exec('begin exclusive');
  const asked = controller({ config: { source: place.source } } as Engine).alone('cutover', async () => ours.exec('select * from item'));
  await expect(asked).rejects.toMatchObject({
    name: 'Refused',
    message: `${place.source} is locked by another process`,
    blockers: [{ code: 'source-locked' }],
  });
  for (const db of [application, ours]) db.close();
});
