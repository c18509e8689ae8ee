import { type Ages, follow, startWriter } from '../support/live.ts';
import { startDaemon, syncOnce } from '../support/processes.ts';
import { count, type Line, percentile, round, times } from '../support/report.ts';
import type { World } from '../support/world.ts';
import type { Written } from '../support/writer.ts';

const RATES = [50, 500, 5_000];
const NEIGHBOUR_RATE = 200;

const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

/** The fastest writer that one connection can be, against the daemon. */
export async function sustained(world: World): Promise<Line[]> {
  const { seconds } = world.options;
  world.say(`sustained, ${seconds} s`);
  const { ages, written, drainSeconds } = await following(world, 0, seconds);
  const third = (from: number): number =>
    percentile(
      ages.filter(({ at }) => at >= (from * seconds) / 3 && at < ((from + 1) * seconds) / 3).map(age => age.ms),
      100,
    );
  const worst = [0, 1, 2].map(third);
  const rate = written.writes / written.seconds;
  return [
    {
      measure: 'sustained',
      what: `${count(rate)} autocommit writes/s for ${seconds} s`,
      reach: 'lag bounded',
      measured: `lag p50 ${ms(
        percentile(
          ages.map(age => age.ms),
          50,
        ),
      )}, worst in each third ${worst.map(ms).join(', ')}; caught up ${drainSeconds.toFixed(1)} s after the end`,
      numbers: {
        writesPerSecond: Math.round(rate),
        p50: round(
          percentile(
            ages.map(age => age.ms),
            50,
          ),
          1,
        ),
        worstFirst: round(worst[0] ?? 0, 1),
        worstSecond: round(worst[1] ?? 0, 1),
        worstThird: round(worst[2] ?? 0, 1),
        drainSeconds: round(drainSeconds),
      },
    },
  ];
}

/** From the commit in SQLite until a reader in Postgres has the row in its hands. */
export async function latency(world: World): Promise<Line[]> {
  const seconds = Math.max(1, world.options.seconds / 4);
  const lines: Line[] = [];
  for (const perSecond of RATES) {
    world.say(`latency, ${perSecond} writes/s`);
    const { ages, written } = await following(world, perSecond, seconds);
    const [p50, p99] = [50, 99].map(percent =>
      percentile(
        ages.map(age => age.ms),
        percent,
      ),
    );
    lines.push({
      measure: 'latency',
      what: `commit to visible at ${perSecond} writes/s`,
      reach: perSecond === 500 ? 'p50 ≤ 3 ms, p99 ≤ 15 ms' : '',
      measured: `p50 ${ms(p50 ?? 0)}, p99 ${ms(p99 ?? 0)} (${count(written.writes / written.seconds)} writes/s reached)`,
      numbers: { perSecond, p50: round(p50 ?? 0), p99: round(p99 ?? 0), writesPerSecond: Math.round(written.writes / written.seconds) },
    });
  }
  return lines;
}

/** How long the application's own commits take while it is copied. */
export async function neighbour(world: World): Promise<Line[]> {
  const source = world.application(world.options.rows);
  const target = await world.database();
  const writing = { source, perSecond: NEIGHBOUR_RATE, updates: true };
  world.say('neighbour, alone');
  const alone = await startWriter({ ...writing, seconds: Math.max(1, world.options.seconds / 4) }).done;
  world.say('neighbour, while it is copied');
  const writer = startWriter({ ...writing, seconds: 3_600 });
  await syncOnce(source, target);
  const copied = await writer.stop();
  world.say('neighbour, while it is followed and compared');
  const daemon = startDaemon(source, target);
  const followed = await startWriter({ ...writing, seconds: Math.max(5, world.options.seconds / 4) }).done;
  await daemon.stop();
  world.remove(source);
  await world.drop(target);
  return [slowed('copied', 99, alone, copied), slowed('followed and compared', 50, alone, followed)];
}

function slowed(what: string, percent: number, alone: Written, beside: Written): Line {
  const [before = 0, during = 0] = [alone, beside].map(({ took }) => percentile(took, percent));
  const ratio = during / before;
  return {
    measure: 'neighbour',
    what: `application's write p${percent} while it is ${what} (${NEIGHBOUR_RATE} writes/s)`,
    reach: '≤ 1.5x',
    measured: `${during.toFixed(2)} against ${before.toFixed(2)} ms: ${times(ratio)}`,
    numbers: { alone: round(before, 3), beside: round(during, 3), ratio: round(ratio) },
  };
}

async function following(world: World, perSecond: number, seconds: number): Promise<Ages> {
  const source = world.application(Math.ceil(world.options.rows / 16));
  const target = await world.database();
  await syncOnce(source, target);
  const ages = await follow(source, target, { perSecond, seconds });
  world.remove(source);
  await world.drop(target);
  return ages;
}
