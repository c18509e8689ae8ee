import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { planSql } from '../../src/plan/ddl/ddl.ts';
import { decide } from '../../src/plan/decide.ts';
import { Plan } from '../../src/plan/document.ts';
import { applyPlanFile, printPlan } from '../../src/plan/file/file.ts';
import { dispositions } from '../../src/plan/objects/dispositions.ts';
import { openSource } from '../../src/sqlite/open.ts';
import { profile } from '../../src/sqlite/profile/profile.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';

const CORPUS = process.env.ATTACCA_CORPUS ?? join(import.meta.dirname, '../../../shared/corpus');
const present = existsSync(CORPUS);
const files = present ? ['db', 'schema'].flatMap(folder => readdirSync(join(CORPUS, folder)).map(file => join(folder, file))) : [];

/** Always a copy: SQLite writes -wal and -shm files beside a database in WAL mode, even when it only reads. */
const folder = mkdtempSync(join(tmpdir(), 'attacca-corpus-'));
afterAll(() => rmSync(folder, { recursive: true }));
function copyOf(file: string): string {
  const copy = join(folder, basename(file));
  copyFileSync(join(CORPUS, file), copy);
  return copy;
}

describe.skipIf(!present)(`real databases (ATTACCA_CORPUS, or ../shared/corpus${present ? '' : ': ABSENT, skipped'})`, () => {
  test.each(files.filter(file => !file.includes('corrupt')))('%s: every object has a disposition, and nothing fails', file => {
    const db = openSource(copyOf(file), { readonly: true });
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
    expect(() => openSource(copyOf('db/mbtiles_corrupt.mbtiles'), { readonly: true })).toThrow(/damaged/);
  });
});

test.skipIf(present)('the corpus is absent: set ATTACCA_CORPUS to plan real databases', () => undefined);
