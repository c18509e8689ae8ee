/* Plants differences in Postgres, and lets `attacca verify` find them: all of them, where they are, in one run; then mends them. */
import { VerifyDocument } from '../../src/server/documents.ts';
import { connect } from '../support/postgres.ts';
import { numbersFrom } from '../support/random.ts';
import { openWorld, type World } from '../support/world.ts';
import { type Found, objectPlants, type Planted, ROW_PLANTS } from './plants.ts';
import { buildZoo, ROWS } from './zoo.ts';

export type Hunt = { readonly planted: readonly Planted[]; readonly problems: readonly string[] };

/** Plants `count` differences, chosen by `seed`; says what was not found as it should, or found without being there, or not mended. */
export async function hunt(count: number, seed: number): Promise<Hunt> {
  const sets = Math.max(1, Math.ceil(count / 400));
  await using world = await openWorld(buildZoo(sets), { verify: { everySeconds: 3600, fullEveryMinutes: 0 } });
  await world.json(0, 'sync', '--once');
  const planted = choose(count, sets, numbersFrom(seed));
  await plant(world, planted);
  const report = VerifyDocument.parse(await world.json(4, 'verify'));
  const problems = compare(
    planted.flatMap(({ found }) => found),
    foundIn(report),
  );
  const mended = VerifyDocument.parse(await world.json(0, 'verify', '--repair'));
  return { planted, problems: [...problems, ...(mended.ok ? [] : ['it was not mended'])] };
}

function choose(count: number, sets: number, next: () => number): Planted[] {
  const objects = Array.from({ length: sets }, (_, n) => objectPlants(n, next() % 2 === 0)).flat();
  const planted = count < 50 ? [] : objects;
  const free = ['thing', 'pair', 'line'].flatMap(table =>
    Array.from({ length: sets * ROWS }, (_, place) => ({ table, name: `${table}${Math.floor(place / ROWS)}`, id: (place % ROWS) + 1 })),
  );
  for (let turn = 0; planted.length < count && free.length > 0; turn++) {
    const kind = ROW_PLANTS[turn % ROW_PLANTS.length]!;
    const from = next() % free.length;
    const at = [...free.slice(from), ...free.slice(0, from)].findIndex(
      ({ table, name, id }) => table === kind.table && kind.plant(name, id) !== undefined,
    );
    if (at < 0) continue;
    const [{ name, id }] = free.splice((from + at) % free.length, 1) as [(typeof free)[number]];
    planted.push({ what: kind.what, ...kind.plant(name, id)! });
  }
  return planted;
}

/** As somebody who knows the token; what the fence lets nobody else do is for another test. */
async function plant(world: World, planted: readonly Planted[]): Promise<void> {
  const client = await connect(world.pg.url);
  await client.query(`select set_config('attacca.token', (select install from attacca.control), false)`);
  // Rows first: a key that is gone, or an index that is none any more, makes finding them slow.
  for (const { sql } of planted.toSorted((a, b) => Number(isObject(a)) - Number(isObject(b)))) await client.query(sql);
  await client.end();
}

const isObject = ({ found }: Planted): boolean => found.some(each => 'problem' in each);

function foundIn(report: VerifyDocument): Found[] {
  const rows = report.tables.flatMap(({ samples }) => samples.map(({ table, key, kind, columns }) => ({ table, key, kind, columns })));
  return [...rows, ...report.objects.map(({ kind, table, name, problem }) => ({ kind, table, name, problem }))];
}

function compare(expected: readonly Found[], found: readonly Found[]): string[] {
  const lines = (all: readonly Found[]): Set<string> => new Set(all.map(each => JSON.stringify(Object.entries(each).toSorted())));
  const [wanted, there] = [lines(expected), lines(found)];
  return [
    ...[...wanted].filter(line => !there.has(line)).map(line => `not found: ${line}`),
    ...[...there].filter(line => !wanted.has(line)).map(line => `found, and not there: ${line}`),
  ];
}
