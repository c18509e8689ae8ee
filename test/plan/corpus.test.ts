import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { planSql } from '../../src/plan/ddl/ddl.ts';
import { decide } from '../../src/plan/decide.ts';
import { Plan } from '../../src/plan/document.ts';
import { applyPlanFile, printPlan } from '../../src/plan/file/file.ts';
import { dispositions } from '../../src/plan/objects/dispositions.ts';
import { openSource } from '../../src/sqlite/open.ts';
import { profile } from '../../src/sqlite/profile/profile.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { copyOf, files, present } from '../support/corpus.ts';

const folder = mkdtempSync(join(tmpdir(), 'attacca-corpus-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(!present)(`real databases (ATTACCA_CORPUS, or ../shared/corpus${present ? '' : ': ABSENT, skipped'})`, () => {
  test.each(files)('%s: every object has a disposition, and nothing fails', file => {
    const db = openSource(copyOf(file, folder), { readonly: true });
    try {
      const schema = readSchema(db);
      const stats = profile(db, schema);
      const { plan, findings } = decide(schema, stats);
      expect(Plan.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
      const objects = dispositions(schema, plan, findings);
      expect(objects).toHaveLength(schema.objects.length);
      expect(objects.filter(({ disposition }) => disposition === 'left out' || disposition === '')).toEqual([]);
      expect(applyPlanFile(plan, printPlan(plan, findings), stats)).toEqual(plan);
      expect(planSql(plan)).toBe(planSql(decide(schema, stats).plan));
    } finally {
      db.close();
    }
  });

  test('the corrupt one is refused', () => {
    expect(() => openSource(copyOf('db/mbtiles_corrupt.mbtiles', folder), { readonly: true })).toThrow(/damaged/);
  });
});

test.skipIf(present)('the corpus is absent: set ATTACCA_CORPUS to plan real databases', () => undefined);
