/*
 * The whole story on this machine: the real daemon and the real commands, a live application in processes of its own, and a
 * check at the end that shares no code with `verify`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { ReplicationError } from '../change/errors.ts';
import type { Direction } from '../cutover/gate.ts';
import { checkLedgers } from '../demo/check.ts';
import { percentile, type Window, writeGaps } from '../demo/gaps.ts';
import { readLedger } from '../demo/ledger.ts';
import { measureLag } from '../demo/probe.ts';
import { buildApplication } from '../demo/seed.ts';
import { startWriters } from '../demo/writers.ts';
import { removeEmbedded } from '../postgres/embedded/embedded.ts';
import { connect } from '../postgres/session/open.ts';
import { DemoDocument, StatusDocument, SwitchDocument, VerifyDocument } from '../server/documents.ts';
import { stateFolder } from '../server/socket.ts';
import { retelling } from './engine/tell/reckoning.ts';
import type { Context } from './main.ts';
import { EXIT, present, progress } from './report.ts';
import { listenForSignals } from './signals.ts';

const WRITERS = 4;
const SOAK_MS = 2_000;
const LAG_SAMPLES = 100;
const START_LIMIT_MS = 60_000;
const BINARY = new URL('../bin.cjs', import.meta.url).pathname;

type Switch = { readonly direction: Direction; readonly pauseMs: number; readonly window: Window };

/** `attacca demo`: exit code 0 only if nothing was lost, doubled or different. */
export async function demo(context: Context): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-demo-'));
  chmodSync(folder, 0o755); // as root the embedded server is another user, who must get through
  const say = (line: string): void => progress(context.output, line);
  const stop = new AbortController();
  listenForSignals(stop, () => say('stopping: everything is removed'));
  try {
    const document = await story(folder, say, stop.signal);
    present(context.output, document, () => lines(document));
    return document.ok ? EXIT.done : EXIT.differ;
  } catch (error) {
    throw stop.signal.aborted ? interrupted() : error;
  } finally {
    await removeEmbedded(stateFolder(join(folder, 'app.db')));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function story(folder: string, say: (line: string) => void, signal: AbortSignal): Promise<DemoDocument> {
  const began = performance.now();
  const source = join(folder, 'app.db');
  const flag = { kind: 'file', path: join(folder, 'app.env'), format: 'dotenv', key: 'DB_TYPE' } as const;
  const config = join(folder, 'attacca.config.json');
  writeFileSync(config, JSON.stringify({ source, flag }));
  const attacca = command(config, signal);

  const built = buildApplication(source);
  say(`an application with ${built.tables} tables and ${built.rows} rows in SQLite`);
  await using daemon = startDaemon(config, say);
  const target = await daemon.target;
  await using writers = await startWriters({ count: WRITERS, folder, source, target, flag });
  signal.throwIfAborted();
  say(`${WRITERS} writer processes, about 500 writes/s: they know nothing of the daemon, only the flag`);
  const status = await shadowing(attacca, daemon.failed, signal);
  const snapshot = snapshotOf(status);
  say(`copied ${snapshot.rows} rows at ${snapshot.rowsPerSecond} rows/s while they wrote; now shadowing`);

  const lags = await measureLag({ source, target, flag, samples: LAG_SAMPLES, signal });
  const lagMs = { p50: round(percentile(lags, 50)), p99: round(percentile(lags, 99)), samples: lags.length };
  say(`commit in SQLite to visible in PostgreSQL: p50 ${lagMs.p50} ms, p99 ${lagMs.p99} ms`);

  const switches: Switch[] = [];
  for (const direction of ['cutover', 'rollback', 'cutover'] as const) {
    // Once in each direction; after that every switch compares what changed by itself.
    if (switches.length < 2) await verified(attacca, say);
    switches.push(await changeover(attacca, direction, say));
    await delay(SOAK_MS, undefined, { signal });
  }
  const ledgers = await writers.stop();
  const last = await verified(attacca, say);
  const differences = last.differences + last.quarantined;
  await using session = await connect(target, { applicationName: 'attacca demo' });
  await session.query('set search_path = public');
  const checked = await checkLedgers(ledgers, async sql => (await session.query(sql)).rows);
  const times = ledgers.map(path => readLedger(path).flatMap(line => (line.outcome === 'acknowledged' ? [line.end] : [])));

  return DemoDocument.parse({
    ok: differences === 0 && checked.lostWrites === 0 && checked.duplicatedWrites === 0,
    seconds: round((performance.now() - began) / 1_000),
    rows: built.rows,
    tables: built.tables,
    writers: WRITERS,
    acknowledgedWrites: checked.acknowledgedWrites,
    lostWrites: checked.lostWrites,
    duplicatedWrites: checked.duplicatedWrites,
    differences,
    snapshot,
    lagMs,
    switches: switches.map(({ direction, pauseMs, window }) => {
      const { p50, max } = writeGaps(times, window);
      return { direction, writeGapMs: { p50: round(p50), max: round(max) }, pauseMs };
    }),
  });
}

type Attacca = (...words: string[]) => Promise<unknown>;

/** The real command line in a process of its own; resolves with its JSON document, whatever the exit code. */
const command =
  (config: string, signal: AbortSignal): Attacca =>
  (...words) =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [BINARY, ...words, '--config', config, '--json', '--quiet'], {
        stdio: ['ignore', 'pipe', 'pipe'],
        signal,
      });
      child.once('error', reject);
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', chunk => (stdout += chunk));
      child.stderr.on('data', chunk => (stderr += chunk));
      child.once('close', code => {
        if (code === EXIT.done || code === EXIT.differ) resolve(JSON.parse(stdout));
        else reject(failed(`attacca ${words.join(' ')} ended with ${code}: ${stderr.trim()}`));
      });
    });

type Daemon = AsyncDisposable & { readonly target: Promise<string>; readonly failed: Promise<never> };

/** `attacca sync`, which logs JSON lines; the first tells the target's URL. */
function startDaemon(config: string, say: (line: string) => void): Daemon {
  const child = spawn(process.execPath, [BINARY, 'sync', '--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let last = '';
  let stopping = false;
  const retell = retelling(told => say(`  ${told}`));
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()));
  const target = new Promise<string>(resolve => {
    createInterface({ input: child.stderr }).on('line', text => {
      last = text;
      const line = logLine(text);
      if (typeof line.target === 'string' && line.msg === 'controller') resolve(line.target);
      if (line.msg === 'dashboard') say(`its page, while this lasts: ${line.url}`);
      retell(line);
    });
  });
  const died = ended.then(() => {
    if (stopping) return new Promise<never>(() => undefined);
    throw failed(`the daemon ended: ${last}`);
  });
  died.catch(() => undefined); // whoever waits for a fact hears of it
  return {
    target: Promise.race([target, died]),
    failed: died,
    async [Symbol.asyncDispose]() {
      stopping = true;
      terminate(child);
      await ended;
    },
  };
}

const terminate = (child: ChildProcess): void => void (child.exitCode === null && child.kill('SIGTERM'));

function logLine(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

async function shadowing(attacca: Attacca, failed: Promise<never>, signal: AbortSignal): Promise<StatusDocument> {
  for (const deadline = Date.now() + START_LIMIT_MS; Date.now() < deadline; await delay(200, undefined, { signal })) {
    const status = StatusDocument.safeParse(await Promise.race([attacca('status'), failed]).catch(notYet));
    if (status.success && status.data.phase === 'shadowing') return status.data;
  }
  throw failed;
}

/** Until the daemon has made its tables, `status` is refused. */
const notYet = (): undefined => undefined;

/** From the timeline: when the copy began and ended. */
function snapshotOf(status: StatusDocument): DemoDocument['snapshot'] {
  const at = (event: string): number => Date.parse(status.timeline.find(line => line.event === event)?.at ?? '');
  const seconds = (at('copying → catching_up') - at('preparing → copying')) / 1_000;
  const rows = status.tables.reduce((sum, table) => sum + table.rows, 0);
  return { rows, seconds: round(seconds), rowsPerSecond: Math.round(rows / seconds) };
}

async function verified(attacca: Attacca, say: (line: string) => void): Promise<VerifyDocument> {
  const report = VerifyDocument.parse(await attacca('verify'));
  say(`verified ${report.rows} rows in ${report.durationMs} ms while they write: ${report.differences} differences`);
  return report;
}

async function changeover(attacca: Attacca, direction: Direction, say: (line: string) => void): Promise<Switch> {
  const from = Date.now();
  const { pauseMs, primary } = SwitchDocument.parse(await attacca(direction, '--yes'));
  say(`${direction}: ${primary} is primary, the writers waited at most ${pauseMs} ms`);
  return { direction, pauseMs: pauseMs ?? 0, window: { from, to: Date.now() } };
}

const interrupted = (): ReplicationError =>
  new ReplicationError('halt', 'the demo was interrupted', { hint: 'nothing of it is left; run it again when you like' });

const failed = (message: string): ReplicationError =>
  new ReplicationError('halt', message, { hint: 'run it again with ATTACCA_DEBUG=1; a report of this is welcome' });

const round = (value: number): number => Math.round(value * 10) / 10;

function lines(document: DemoDocument): string[] {
  const { snapshot, lagMs, switches } = document;
  return [
    `application    ${document.tables} tables, ${document.rows} rows, ${document.writers} writer processes`,
    `snapshot       ${snapshot.rows} rows at ${snapshot.rowsPerSecond} rows/s under load`,
    `lag            p50 ${lagMs.p50} ms, p99 ${lagMs.p99} ms from commit in SQLite to visible in PostgreSQL`,
    ...switches.map(
      ({ direction, writeGapMs, pauseMs }) =>
        `${direction.padEnd(14)} write gap p50 ${writeGapMs.p50} ms, max ${writeGapMs.max} ms (pause ${pauseMs} ms)`,
    ),
    `writes         ${document.acknowledgedWrites} acknowledged, ${document.lostWrites} lost, ${document.duplicatedWrites} doubled, by the writers' own ledgers`,
    `differences    ${document.differences}`,
    `${document.ok ? 'nothing lost, nothing doubled, nothing different' : 'FAILED'} in ${document.seconds} s`,
  ];
}
