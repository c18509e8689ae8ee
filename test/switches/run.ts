/*
 * `npm run test:switches -- [--switches 1000] [--seed N] [--rows 10000] [--journal wal|delete] [--saturated] [--timeline FILE]`:
 * cutovers and rollbacks in a loop, under instances that obey the flag, cache it, and never heard of it, on a server whose commits are
 * durable. Nothing may be lost or doubled; prints what a switch costs the writers. The daemon's steps go to the timeline, if named.
 */
import { percentile } from '../bench/support/report.ts';
import { ownPostgres } from '../support/postgres.ts';
import { misunderstood, whole, words } from '../support/words.ts';
import { backAndForth, type Outcome } from './back-and-forth.ts';

const { values } = words({
  options: {
    switches: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    rows: { type: 'string', default: '10000' },
    journal: { type: 'string', default: 'wal' },
    saturated: { type: 'boolean', default: false },
    timeline: { type: 'string' },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);

function report({ gaps, pauses, acknowledged, refused, wrong }: Outcome): void {
  for (const direction of ['cutover', 'rollback'] as const) {
    const to = direction === 'cutover' ? 'postgres' : 'sqlite';
    const crossings = gaps.filter(crossing => crossing.to === to);
    const gap = figures(crossings.map(({ ms }) => ms));
    const waited = figures(crossings.map(({ waitedMs }) => waitedMs));
    const pause = figures(pauses.filter(one => one.direction === direction).map(({ ms }) => ms));
    say(`${direction}: write gap ${gap} (${crossings.length} crossings), of that waiting to be let in ${waited}; pause ${pause}`);
  }
  say(`${acknowledged} transactions acknowledged; refused: ${JSON.stringify(refused)}`);
  for (const line of wrong.slice(0, 20)) say(`WRONG ${line}`);
  say(wrong.length === 0 ? 'nothing lost, nothing doubled, nothing different' : `${wrong.length} wrong`);
}

const figures = (ms: readonly number[]): string =>
  `p50 ${percentile(ms, 50).toFixed(1)}, p99 ${percentile(ms, 99).toFixed(1)}, max ${Math.max(0, ...ms).toFixed(1)} ms`;

const { journal } = values;
if (journal !== 'wal' && journal !== 'delete') misunderstood('--journal is wal or delete');
const switches = whole('--switches', values.switches);
const seed = whole('--seed', values.seed);
const rows = whole('--rows', values.rows);
say(`${switches} switches in each direction, seed ${seed}, ${rows} rows, journal mode ${journal}`);
await using server = await ownPostgres();
const outcome = await backAndForth({
  switches,
  seed,
  rows,
  journal,
  kinds: ['obedient', 'obedient', 'obedient', 'slow', 'sqlite', 'postgres', 'reader'],
  everyMs: values.saturated ? 0 : 4,
  judgeEvery: 25,
  server,
  ...(values.timeline === undefined ? {} : { env: { ATTACCA_TIMELINE: values.timeline } }),
  say,
});
report(outcome);
process.exitCode = outcome.wrong.length === 0 ? 0 : 1;
