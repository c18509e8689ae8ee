import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { z } from 'zod';
import type { AssessDocument, ErrorDocument, StatusDocument } from '../../src/server/documents.ts';
import { openWorld } from '../support/world.ts';

const SCHEMA = `create table t (id integer primary key, u);
  create trigger g after insert on t when new.u = 9 begin select raise(ignore); end; insert into t values (1, 1)`;

test('a finding blocks until it is waived by name; the waiver is in the plan file and the timeline', async () => {
  await using world = await openWorld(db => db.exec(SCHEMA));
  const { blockers } = await world.json<z.infer<typeof ErrorDocument>>(3, 'sync', '--once');
  expect(blockers).toMatchObject([
    { code: 'raise-ignore', reason: expect.stringMatching(/^t: /), remedy: expect.stringContaining('--waive raise-ignore:t') },
  ]);
  const waived = ['--waive', 'raise-ignore:t'];
  expect(await world.json<AssessDocument>(0, 'assess', ...waived)).toMatchObject({
    ready: true,
    findings: expect.arrayContaining([
      expect.objectContaining({ code: 'raise-ignore', level: 'warning', waived: 'waived by configuration' }),
    ]),
  });
  const file = join(world.source, '..', 'plan.yaml');
  await world.json(0, 'plan', '--out', file, ...waived);
  expect(readFileSync(file, 'utf8')).toContain('finding: raise-ignore:t');
  await world.json(0, 'sync', '--once', '--plan', file);
  const { timeline } = await world.json<StatusDocument>(0, 'status');
  expect(timeline.map(({ event }) => event)).toContain('waived raise-ignore:t');
});
