/*
 * Cutover and rollback again and again, under an application with instances of every kind.
 *
 * (1) Every writer's acknowledged transactions are in both databases once (its tally), and their sum is what the items' prices have
 *     risen by: a lost write, a doubled one, and one that somebody was refused and that is there all the same, each show in it.
 * (2) Readers see whole states on whichever side is primary.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type Database from 'better-sqlite3';
import { callDaemon } from '../../src/server/call.ts';
import { SwitchDocument } from '../../src/server/documents.ts';
import { buildBank, judge } from '../support/bank.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { numbersFrom } from '../support/random.ts';
import { caughtUp, openWorld, type World } from '../support/world.ts';
import { type Fleet, startFleet } from './fleet.ts';
import type { Account, Kind } from './instance.ts';
import type { Gap } from './obedient.ts';

export type Course = {
  /** In each direction. */
  readonly switches: number;
  readonly seed: number;
  readonly rows: number;
  readonly journal: 'wal' | 'delete';
  readonly kinds: readonly Kind[];
  /** Mean pause of an obedient writer between two transactions; 0: it never rests. */
  readonly everyMs: number;
  /** How many switches in each direction between two judgements. */
  readonly judgeEvery: number;
  readonly server?: TestPostgres;
  readonly env?: NodeJS.ProcessEnv;
  readonly say?: (line: string) => void;
};

export type Outcome = {
  readonly acknowledged: number;
  /** By kind: how often an instance was told that its transaction was not taken. */
  readonly refused: Readonly<Record<Kind, number>>;
  readonly gaps: readonly Gap[];
  readonly pauses: readonly { readonly direction: Direction; readonly ms: number }[];
  /** What must not be; empty if all is well. */
  readonly wrong: readonly string[];
};

type Direction = 'cutover' | 'rollback';

const LIMIT_MS = 180_000;
/** A machine that is busy with other things must not keep a switch from beginning. */
const PATIENT = { backup: { enabled: false }, cutover: { maxLagMs: 60_000, maxPauseMs: 30_000 } };
/** At most so long between two switches, at random. */
const DWELL_MS = 200;

/** Runs the whole course; resolves with what was measured and what was wrong. */
export async function backAndForth(course: Course): Promise<Outcome> {
  const { switches, seed, rows, kinds, say = () => undefined } = course;
  const numbers = numbersFrom(seed);
  await using world = await openWorld(build(course), PATIENT, { limitMs: LIMIT_MS, ...pickDefined(course) });
  world.start();
  await world.until(caughtUp);
  await world.json(0, 'verify');
  await using fleet = await startFleet(kinds, {
    source: world.source,
    url: world.pg.url,
    flag: world.flag,
    seed,
    everyMs: course.everyMs,
    items: rows,
  });
  const pauses: { direction: Direction; ms: number }[] = [];
  const gaps: Gap[] = [];
  const wrong: string[] = [];
  let accounts: readonly (Account & { kind: Kind; writer: number })[] = [];
  for (let n = 1; n <= switches; n++) {
    for (const direction of ['cutover', 'rollback'] as const) {
      const crossed = fleet.crossing(direction === 'cutover' ? 'postgres' : 'sqlite');
      const [ms] = await Promise.all([changeOver(world, direction), crossed]);
      pauses.push({ direction, ms });
      await delay(numbers() % DWELL_MS);
    }
    if (n % course.judgeEvery !== 0 && n !== switches) continue;
    accounts = await settled(world, fleet, wrong);
    gaps.push(...accounts.flatMap(account => account.gaps));
    say(`${n} there and back, ${total(accounts)} acknowledged, ${wrong.length} wrong`);
    if (n < switches) fleet.resume();
  }
  const refused = Object.fromEntries(
    kinds.map(kind => [kind, accounts.filter(account => account.kind === kind).reduce((sum, account) => sum + account.refused, 0)]),
  ) as Record<Kind, number>;
  return { acknowledged: total(accounts), refused, gaps, pauses, wrong };
}

const pickDefined = ({ server, env }: Course) => ({ ...(server && { server }), ...(env && { env }) });

const isWriter = ({ kind }: { readonly kind: Kind }): boolean => kind !== 'reader';

const total = (accounts: readonly (Account & { kind: Kind })[]): number =>
  accounts.filter(isWriter).reduce((sum, { acknowledged }) => sum + acknowledged, 0);

const ITEMS = /* sql */ `
  create table item (id integer primary key, name text not null, price integer not null);
  with recursive n(id) as (select 1 union all select id + 1 from n where id < ?)
  insert into item select id, 'item ' || id, 0 from n`;

function build({ rows, journal, kinds }: Course): (db: Database.Database) => void {
  return db => {
    buildBank(kinds.length)(db);
    const [create = '', fill = ''] = ITEMS.split(';');
    db.exec(create);
    db.prepare(fill).run(rows);
    db.pragma(`journal_mode = ${journal}`);
  };
}

async function changeOver(world: World, direction: Direction): Promise<number> {
  const call = { operation: 'switch', direction, dryRun: false } as const;
  const answer = await callDaemon(world.source, call, () => undefined).catch(error => {
    throw new Error(`${direction}: ${error instanceof Error ? error.message : error} ${JSON.stringify(error)}\n${world.daemon().log()}`);
  });
  const phase = direction === 'cutover' ? 'mirroring' : 'shadowing';
  await world.until(status => status.phase === phase && status.lag !== null && status.lag.ms !== null && status.lag.ms < 1_000);
  return SwitchDocument.parse(answer?.result).pauseMs ?? 0;
}

/** Everybody rests, and both sides become equal; what is not as it should be goes to `wrong`. */
async function settled(world: World, fleet: Fleet, wrong: string[]) {
  const accounts = await fleet.pause();
  const expected = new Map(accounts.filter(isWriter).map(({ writer, acknowledged }) => [writer, acknowledged]));
  let found = ['nothing was compared'];
  for (const deadline = performance.now() + LIMIT_MS; found.length > 0 && performance.now() < deadline; await delay(20))
    found = await misses(world, expected, total(accounts)).catch(error => [String(error)]);
  wrong.push(...found, ...accounts.flatMap(({ violations }) => violations));
  return accounts;
}

const PRICES = /* sql */ `select cast(sum(price) as text) as n from item`;

async function misses(world: World, expected: ReadonlyMap<number, number>, sum: number): Promise<string[]> {
  const found = await judge(world.app, world.pg, expected);
  const here = world.app.prepare(PRICES).pluck().get();
  const there = (await world.pg.query(PRICES.replace('from item', 'from public.item')))[0]?.n;
  if (String(here) !== String(sum) || there !== String(sum)) found.push(`${sum} acknowledged, ${here} in SQLite, ${there} in Postgres`);
  return found;
}
