/*
 * The table of crash points: every step of both procedures, and what is lost there. The daemon stops itself at the step, then it happens.
 * After it the daemon settles by itself, says how, and exactly one side takes writes; nothing that was acknowledged is lost or doubled.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type Database from 'better-sqlite3';
import { isSwitching, type Phase } from '../../src/cutover/phase.ts';
import { temporaryOf } from '../../src/flag/replace.ts';
import type { StatusDocument } from '../../src/server/documents.ts';
import { durable, imageOf, restore, trace } from '../support/disk.ts';
import { type OwnPostgres, ownPostgres } from '../support/postgres.ts';
import { buildShop } from '../support/shop.ts';
import { attacca, type Daemon, flagOf, isRunning, openWorld, type Ran, type World } from '../support/world.ts';
import { stubborn } from './stubborn.ts';

/**
 * `daemon`: kill -9. `controller`: the same of a command that switches by itself, where no daemon runs. `postgres`: an immediate stop.
 * `both`: at one moment. `power`: both, and what was not synced is not on the disk.
 */
export type Loss = 'daemon' | 'controller' | 'postgres' | 'both' | 'power';
export const LOSSES: readonly Loss[] = ['daemon', 'controller', 'postgres', 'both', 'power'];
export type Procedure = 'cutover' | 'mirroring' | 'rollback';
export type Mode = 'wal' | 'delete';

/** `time`: the n-th of its procedure. */
const around = (call: string, time = ''): string[] => [`${call}:before${time}`, `${call}:after${time}`];
const steps = [1, 2, 3, 4].flatMap(n => around('phase.step', `#${n}`));

/** Reached where the application has written since the last look before the lock: it hardly pauses in these cells. */
const DRAIN = 'switch.postgres.apply';

/** Every call of a port, before and after it. A point that a procedure does not reach is said to be so. */
export const STEPS: Readonly<Record<Procedure, readonly string[]>> = {
  cutover: [
    ...around('switch.sqlite.hold'),
    ...around('switch.postgres.checkpoint'),
    ...around(DRAIN),
    ...around('switch.postgres.state'),
    ...around('switch.postgres.verifiedUpTo'),
    ...around('switch.postgres.prepare'),
    ...around('held.raise'),
    ...around('held.close'),
    ...around('switch.sqlite.record'),
    ...around('switch.postgres.open'),
    ...around('flag.write'),
    ...around('switch.postgres.setVerified'),
    ...steps,
  ],
  mirroring: around('mirror.apply'),
  rollback: [
    ...around('switch.postgres.lock'),
    ...around('switch.postgres.writeWatermark'),
    // A rehearsal, before the switch begins, is the first.
    ...around('switch.postgres.state', '#2'),
    ...around('switch.postgres.verifiedUpTo', '#2'),
    ...around('switch.sqlite.hold'),
    ...around('switch.postgres.usedIds'),
    ...around('held.lower'),
    ...around('locked.close'),
    ...around('held.open'),
    ...around('switch.postgres.resumeAt'),
    ...around('flag.write'),
    ...steps,
  ],
};

/** Power images know of no writes but the daemon's: there is nothing to drain. */
export const isCell = ({ procedure, step, loss }: Cell): boolean =>
  (loss !== 'power' || !step.startsWith(DRAIN)) && (loss !== 'controller' || procedure !== 'mirroring');

export type Cell = { readonly procedure: Procedure; readonly step: string; readonly loss: Loss };

export type Bench = AsyncDisposable & {
  /** What was said each time that a command was refused and had to be given again. */
  readonly refusals: readonly string[];
  /** Carries a cell out; says how it ended. Throws where anything is not as it must be. */
  suffer(cell: Cell): Promise<string>;
};

/** One migration in which one cell after another is suffered. `survives` as in `durable`. */
export async function openBench(mode: Mode, survives?: () => boolean): Promise<Bench> {
  const server = await ownPostgres();
  const build = (db: Database.Database): void => {
    buildShop(100)(db);
    db.pragma(`journal_mode = ${mode}`);
    db.pragma('synchronous = extra');
  };
  const world = await openWorld(build, { verify: { everySeconds: 1, fullEveryMinutes: 0 } }, { server, limitMs: LIMIT_MS });
  world.app.pragma('synchronous = extra');
  let daemon = world.start();
  let number = 0;
  const refusals: string[] = [];
  await world.until(({ phase }) => phase === 'shadowing');

  /** Brings it to where the procedure begins, with a daemon that will stop at `spec`. */
  async function prepare({ procedure, step }: Cell): Promise<void> {
    const begins = procedure === 'cutover' ? 'shadowing' : 'mirroring';
    const { phase } = await world.until(({ phase, lag }) => (phase === 'shadowing' || phase === 'mirroring') && lag !== null);
    await ran(world, 'verify');
    if (phase !== begins) await ran(world, phase === 'shadowing' ? 'cutover' : 'rollback', '--yes');
    daemon.process.kill('SIGTERM');
    await daemon.exited;
    daemon = world.start(`~!${step}`);
    await world.until(status => status.phase === begins && caughtUp(status));
    await ran(world, 'verify');
  }

  return {
    refusals,
    async suffer(cell) {
      await prepare(cell);
      const writer = stubborn(world, `cell ${++number}`, cell.step.startsWith(DRAIN) ? 1 : 10);
      await writer.begun();
      if (cell.loss === 'power') await writer.rest();
      const tracing = cell.loss === 'power' ? await record(world, daemon) : undefined;
      const told = await settlements(world);
      const asked = cell.loss === 'controller' ? await alone(world, daemon, cell) : await stopped(world, daemon, cell, refusals);
      const interrupted = isSwitching(await phaseOf(world));
      await lose(server, daemon, cell.loss);
      if (tracing !== undefined) {
        await tracing.ended;
        await world.reopen(() => restore(world.folder, durable(tracing.base, world.folder, tracing.lines(), survives)));
        world.app.pragma('synchronous = extra');
      }
      if (cell.loss !== 'postgres') daemon = world.start();
      await asked.ended;
      const status = await world.until(status => (status.phase === 'shadowing' || status.phase === 'mirroring') && caughtUp(status));
      await oneSideOpen(world, status, await writer.end());
      if (!isRunning(daemon)) throw new Error(`the daemon has ended\n${daemon.log()}`);
      if (interrupted && (await settlements(world)) === told) throw new Error(`nothing tells how it was settled\n${daemon.log()}`);
      return howItEnded(status);
    },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
    },
  };
}

const caughtUp = ({ phase, lag }: StatusDocument): boolean =>
  phase === 'shadowing' ? lag?.changes === '0' : lag?.ms !== null && (lag?.ms ?? Number.POSITIVE_INFINITY) < 1_500;

async function ran(world: World, ...words: string[]): Promise<void> {
  const { code, stdout, stderr } = await world.run(...words);
  if (code !== 0) throw new Error(`attacca ${words.join(' ')}: exit code ${code}\n${stdout}${stderr}${world.daemon().log()}`);
}

type Asked = { readonly ended: Promise<Ran | undefined> };

/** The command asks the daemon, which stops itself at the step. */
async function stopped(world: World, daemon: Daemon, { procedure, step }: Cell, refusals: string[]): Promise<Asked> {
  daemon.process.kill('SIGUSR2');
  if (procedure === 'mirroring') {
    await seen(daemon); // a heartbeat comes every second
    return { ended: Promise.resolve(undefined) };
  }
  // Writers that never rest may be in the way of a command: it says so, and is given again.
  for (let tries = 1; ; tries++) {
    const ended = world.run(procedure, '--yes');
    const isOver = await Promise.race([ended.then(() => true), seen(daemon)]);
    if (!isOver || daemon.log().includes('stopped at')) return { ended };
    const { code, stdout, stderr } = await ended;
    if (code === 0 || tries === TRIES) throw new Error(`${step} was not reached\n${stdout}${stderr}`);
    refusals.push(`${procedure}: ${stdout}${stderr}\n${daemon.log()}`);
  }
}

const TRIES = 3;

async function seen(daemon: Daemon): Promise<false> {
  while (isRunning(daemon) && !daemon.log().includes('stopped at')) await delay(5);
  return false;
}

/** No daemon runs; the command does it all, and kills itself at the step. */
async function alone(world: World, daemon: Daemon, { procedure, step }: Cell): Promise<Asked> {
  daemon.process.kill('SIGTERM');
  await daemon.exited;
  const words = [procedure, '--yes', '--config', join(world.folder, 'attacca.config.json')];
  const ran = await attacca(words, { env: { ATTACCA_DIE_AT: step } });
  if (ran.code !== null) throw new Error(`${step} was not reached\n${ran.stdout}${ran.stderr}`);
  return { ended: Promise.resolve(ran) };
}

async function phaseOf(world: World): Promise<Phase> {
  const [row] = await world.pg.query('select phase from attacca.control');
  return row?.phase as Phase;
}

async function settlements(world: World): Promise<string> {
  const [row] = await world.pg.query(`select count(*)::text as n from attacca.audit where event like '%interrupted%'`);
  return row?.n ?? '';
}

async function lose(server: OwnPostgres, daemon: Daemon, loss: Loss): Promise<void> {
  if (loss === 'controller') return;
  if (loss !== 'daemon') await server.crash();
  if (loss === 'postgres') daemon.process.kill('SIGCONT');
  else {
    daemon.process.kill('SIGKILL');
    await daemon.exited;
  }
  if (loss !== 'daemon') await server.start();
}

type Recorded = { readonly base: ReturnType<typeof imageOf>; readonly ended: Promise<unknown>; lines(): string[] };

/** From here on it is known what the daemon writes and syncs. While it is looked at it does nothing. */
async function record(world: World, daemon: Daemon): Promise<Recorded> {
  const recording = await trace(daemon.process.pid!);
  daemon.process.kill('SIGSTOP');
  const base = imageOf(world.folder);
  daemon.process.kill('SIGCONT');
  return { base, ...recording };
}

const LIMIT_MS = 120_000;

/** The side that the status names takes a write, the other refuses, the flag agrees, both are equal, and what was acknowledged is there once. */
async function oneSideOpen(world: World, { primary, phase }: StatusDocument, acknowledged: ReadonlySet<string>): Promise<void> {
  const expected = phase === 'shadowing' ? 'sqlite' : 'postgres';
  if (primary !== expected) throw new Error(`${phase}, and ${primary} is primary`);
  const flag = flagOf(world) ?? 'sqlite';
  if (flag.startsWith('postgres') !== (primary === 'postgres')) throw new Error(`${primary} is primary, and the flag says ${flag}`);
  if (existsSync(temporaryOf(world.flag))) throw new Error('the flag that was to come is left beside the one that is');
  const text = `insert into log (message, at) values ('after', 1)`;
  const tried = [await outcome(() => world.app.prepare(text).run()), await outcome(() => world.pg.query(text))];
  const wanted = primary === 'sqlite' ? ['done', 'fenced'] : ['fenced', 'done'];
  if (String(tried) !== String(wanted)) throw new Error(`${primary} is primary: ${tried}`);
  let found: string[] = [];
  for (const end = performance.now() + LIMIT_MS; performance.now() < end; await delay(50)) {
    found = [...(await world.differences()), ...miscounted(world, acknowledged)];
    if (found.length === 0) return;
  }
  throw new Error(`${found.join('\n')}\n${world.daemon().log()}`);
}

async function outcome(write: () => unknown): Promise<string> {
  try {
    await write();
    return 'done';
  } catch (error) {
    return String(error).includes('ATTACCA_FENCED') ? 'fenced' : String(error);
  }
}

function miscounted(world: World, acknowledged: ReadonlySet<string>): string[] {
  const count = world.app.prepare<[string], number>('select count(*) from log where message = ?').pluck();
  return [...acknowledged].filter(token => Number(count.get(token)) !== 1).map(token => `${token} is there ${count.get(token)} times`);
}

/** What the timeline says of it. */
const howItEnded = ({ timeline, phase }: StatusDocument): string =>
  timeline.findLast(({ event }) => event.includes('interrupted') || event.includes('→'))?.event ?? `nothing is said of ${phase}`;
