import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PgRow } from '../../src/change/change.ts';
import { parseReal, realText } from '../../src/change/value.ts';
import { codecOf } from '../../src/plan/codec.ts';
import { at } from '../../src/plan/plan.ts';
import { copyFitting, copyRows } from '../../src/postgres/apply/copy.ts';
import { type Session, transaction } from '../../src/postgres/session/open.ts';
import { item, PLAN, WRITER, world } from './world.ts';

const [items, pairs] = [at(PLAN.tables, 0), at(PLAN.tables, 1)];

/** What Postgres holds after the rows were copied; the table is empty again afterwards. */
async function through(session: Session, rows: readonly PgRow[]): Promise<PgRow[]> {
  return transaction(session, WRITER, async () => {
    await copyRows(session, PLAN, items, rows);
    const held = await session.query('select id, name, u, f, b, ok from public.items order by id');
    await session.query('delete from public.items');
    return held.rows.map(row => Object.values(row));
  });
}

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('\\', '\t', '\n', '\r', 'N', '.', ',', '"', "'", '\b', '\v', '\f', 'é', '😀', ' ') }),
  fc.constantFrom('', '\\N', '\\.', '\\\\.', 'null', '\u007f', '\ufeff'),
);
const pgText = text.filter(value => !value.includes('\0') && value.isWellFormed());

test('every text that Postgres can hold comes through COPY unchanged [G4]', async () => {
  await using w = await world();
  const rows = fc.array(fc.tuple(pgText, fc.option(pgText)), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(rows, async texts => {
      const sent = texts.map(([name, u], index): PgRow => [String(index + 1), name, u, null, null, null]);
      expect(await through(w.session, sent)).toEqual(sent);
    }),
    { numRuns: 150 },
  );
});

test('floats, bytes and booleans come back as the codec writes them [G4]', async () => {
  await using w = await world();
  const [f, b, ok] = [3, 4, 5].map(index => codecOf(at(items.columns, index)));
  const value = fc.tuple(fc.double(), fc.uint8Array({ maxLength: 40 }), fc.boolean());
  await fc.assert(
    fc.asyncProperty(fc.array(value, { maxLength: 20 }), async values => {
      const sent = values.map(([real, bytes, truth], index): PgRow => {
        const encoded = [f?.encode(real), b?.encode(bytes), ok?.encode(truth ? 1n : 0n)].map(result =>
          typeof result === 'string' ? result : null,
        );
        return [String(index + 1), 'x', null, ...encoded];
      });
      const held = await through(w.session, sent);
      // Postgres prints floats its own way: the same 64 bits, not always the same text.
      expect(held.map(row => [row[4], row[5]])).toEqual(sent.map(row => [row[4], row[5]]));
      const real = (row: PgRow) => (row[3] == null ? null : realText(parseReal(row[3])));
      expect(held.map(real)).toEqual(sent.map(real));
    }),
    { numRuns: 100 },
  );
});

test('rows are read no faster than Postgres takes them', async () => {
  await using w = await world();
  const filler = 'x'.repeat(1_000);
  let read = 0;
  function* rows(): Generator<PgRow> {
    for (let id = 1; id <= 50_000; id++, read++) yield ['a', String(id), filler];
  }
  await w.postgres.query('begin; lock table pairs');
  const copying = transaction(w.session, WRITER, () => copyRows(w.session, PLAN, pairs, rows()));
  const waiting = () => w.postgres.query(`select wait_event_type as waits from pg_stat_activity where pid = $1`, [w.session.pid]);
  await expect.poll(waiting).toEqual([{ waits: 'Lock' }]);
  expect(read).toBeLessThan(5_000);
  await w.postgres.query('commit');
  await copying;
  expect(await w.postgres.query('select count(*), sum(b) from pairs')).toEqual([{ count: '50000', sum: '1250025000' }]);
});

test('a copy that only could not go on has refused no row: nothing is quarantined for what is not its own fault [G4] [G7]', async () => {
  await using w = await world();
  await w.postgres.query('begin; lock table items');
  const copying = transaction(w.session, WRITER, async () => {
    await w.session.query('set local statement_timeout = 20');
    return await copyFitting(w.session, PLAN, items, [item(1)]);
  });
  await expect(copying).rejects.toMatchObject({ disposition: 'retry' });
  await w.postgres.query('commit');
});

test('the rows that Postgres refuses are found wherever they stand, the others are there [G4]', async () => {
  await using w = await world();
  const shape = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(shape, async fits => {
      const rows = fits.map((fit, index) => item(index + 1, null, fit ? 'x' : null));
      const [refused, held] = await transaction(w.session, WRITER, async () => {
        const misfits = await copyFitting(w.session, PLAN, items, rows);
        const { rows: there } = await w.session.query('select id from public.items order by id');
        await w.session.query('delete from public.items');
        return [misfits.map(misfit => misfit.target?.[0]), there.map(row => row.id)];
      });
      const ids = (wanted: boolean) => rows.filter((_, index) => fits[index] === wanted).map(row => row[0]);
      expect(refused).toEqual(ids(false));
      expect(held).toEqual(ids(true));
    }),
    { numRuns: 25 },
  );
});
