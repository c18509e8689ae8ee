import { readyFiles, sqlite3IntoPsql } from '../peers/csv.ts';
import { pgloader } from '../peers/pgloader.ts';
import { syncOnce } from '../support/processes.ts';
import { type Line, median, round, seconds, times } from '../support/report.ts';
import type { World } from '../support/world.ts';

/** Wall time of whole programs, from an empty database to all rows with the same keys and indexes, analyzed. */
export async function snapshot(world: World): Promise<Line[]> {
  const { rows, runs, documents } = world.options;
  const source = world.application(rows);
  const took = {
    attacca: [] as number[],
    copying: [] as number[],
    pgloader: [] as number[],
    csv: [] as number[],
    bare: [] as number[],
    ready: [] as number[],
  };
  for (let run = 1; run <= runs; run++) {
    world.say(`snapshot, run ${run} of ${runs}`);
    const own = await attacca(world);
    took.attacca.push(own.seconds);
    took.copying.push(own.copying);
    const loaded = await into(world, target => pgloader(source, target));
    if (loaded !== undefined) took.pgloader.push(loaded);
    const piped = await into(world, target => sqlite3IntoPsql({ source, target, documents }));
    if (piped !== undefined) took.csv.push(piped.seconds);
    if (piped !== undefined) took.bare.push(piped.withoutIndexes);
    const ready = await into(world, target => readyFiles({ source, target, documents }));
    if (ready !== undefined) took.ready.push(ready.seconds);
  }
  world.remove(source);
  const own = median(took.attacca);
  const against = (what: string, peer: readonly number[], reach: string): Line => ({
    measure: 'snapshot',
    what,
    reach,
    measured: peer.length === 0 ? 'not installed here' : `${seconds(own)} against ${seconds(median(peer))}: ${times(median(peer) / own)}`,
    numbers: peer.length === 0 ? {} : { attacca: round(own), peer: round(median(peer)), ratio: round(median(peer) / own) },
  });
  return [
    {
      measure: 'snapshot',
      what: `${rows} rows, whole command`,
      reach: '',
      measured: `${seconds(own)}, of that copying ${seconds(median(took.copying))}`,
      numbers: { rows, seconds: round(own), copying: round(median(took.copying)) },
    },
    against('against pgloader', took.pgloader, '≥ 3x'),
    against('against sqlite3 -csv | psql, with indexes', took.csv, '≥ 1.2x'),
    {
      ...against('copying alone against sqlite3 -csv | psql without indexes', [], ''),
      ...(took.bare.length === 0 ? {} : copyingAlone(median(took.copying), median(took.bare))),
    },
    against("against Postgres's COPY of ready files, with indexes", took.ready, 'stated'),
  ];
}

const copyingAlone = (own: number, peer: number): Pick<Line, 'measured' | 'numbers'> => ({
  measured: `${seconds(own)} against ${seconds(peer)}: ${times(peer / own)}`,
  numbers: { attacca: round(own), peer: round(peer), ratio: round(peer / own) },
});

/** Ten times the rows: is the time ten times as long, and the memory the same? */
export async function scale(world: World): Promise<Line[]> {
  const { rows, full, runs } = world.options;
  const [few, many] = full ? [1_000_000, 10_000_000] : [Math.ceil(rows / 4), rows];
  const measured = new Map<number, { readonly seconds: number; readonly peakMb: number }>();
  for (const size of [few, many]) {
    const all = [];
    for (let run = 1; run <= (full ? 1 : runs); run++) {
      world.say(`scale, ${size} rows, run ${run}`);
      all.push(await attacca(world, size));
    }
    measured.set(size, { seconds: median(all.map(run => run.seconds)), peakMb: Math.max(...all.map(run => run.peakMb)) });
  }
  const [small, large] = [measured.get(few), measured.get(many)];
  if (small === undefined || large === undefined) return [];
  const perRow = large.seconds / many / (small.seconds / few);
  return [
    {
      measure: 'scale',
      what: `${many} rows against ${few}, time per row`,
      reach: '≤ 1.05x',
      measured: `${seconds(large.seconds)} against ${seconds(small.seconds)}: ${times(perRow)}`,
      numbers: { few, many, secondsFew: round(small.seconds), secondsMany: round(large.seconds), perRow: round(perRow) },
    },
    {
      measure: 'scale',
      what: 'peak memory of the daemon',
      reach: '≤ 150 MB',
      measured: `${Math.round(small.peakMb)} MB and ${Math.round(large.peakMb)} MB`,
      numbers: { peakMbFew: Math.round(small.peakMb), peakMbMany: Math.round(large.peakMb) },
    },
  ];
}

async function attacca(world: World, size = world.options.rows) {
  const source = world.application(size);
  const ran = await into(world, target => syncOnce(source, target));
  world.remove(source);
  const { rows, rowsPerSecond } = JSON.parse(ran.stdout) as { rows: number; rowsPerSecond: number };
  return { ...ran, copying: rows / rowsPerSecond };
}

async function into<T>(world: World, work: (target: string) => Promise<T>): Promise<T> {
  const target = await world.database();
  const result = await work(target);
  await world.drop(target);
  return result;
}
