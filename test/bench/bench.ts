/*
 * `npm run bench`: attacca against what people could use instead, on this machine, in one run. It prints ratios and asserts nothing;
 * names of measures select, sizes are options (support/options.ts).
 */
import { cpus, totalmem } from 'node:os';
import { capture } from './measures/capture.ts';
import { client } from './measures/client.ts';
import { latency, neighbour, sustained } from './measures/live.ts';
import { locks } from './measures/locks.ts';
import { mirror } from './measures/mirror.ts';
import { replay } from './measures/replay.ts';
import { scale, snapshot } from './measures/snapshot.ts';
import { verify } from './measures/verify.ts';
import { type Measure, type Options, parseOptions } from './support/options.ts';
import { type Line, table } from './support/report.ts';
import { openWorld, type World } from './support/world.ts';

const RUNS: Record<Measure, (world: World) => Promise<Line[]>> = {
  snapshot,
  scale,
  verify,
  capture,
  replay,
  sustained,
  latency,
  neighbour,
  locks,
  client,
  mirror,
};

async function bench(options: Options): Promise<Line[]> {
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  await using world = await openWorld(options, say);
  const lines: Line[] = [];
  for (const measure of options.measures) lines.push(...(await RUNS[measure](world)));
  return lines;
}

function print(options: Options, lines: readonly Line[]): void {
  const machine = `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}`;
  const { rows, backlog, runs } = options;
  process.stdout.write(options.json ? `${JSON.stringify({ machine, rows, backlog, runs, lines })}\n` : `${machine}\n\n${table(lines)}\n`);
}

try {
  const options = parseOptions(process.argv.slice(2));
  print(options, await bench(options));
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
