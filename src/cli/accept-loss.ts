/*
 * `attacca rollback --accept-loss`: SQLite becomes primary although Postgres cannot be reached. What Postgres had committed and SQLite
 * not seen yet is lost to the application; this says up to where, asks, and leaves a record that everything else follows from.
 */
import { Refused, ReplicationError } from '../change/errors.ts';
import { FLAG_REMEDY } from '../cutover/gate.ts';
import { forgotten, LOSS_EPOCHS } from '../cutover/loss.ts';
import type { Phase } from '../cutover/phase.ts';
import type { FlagProvider } from '../flag/flag.ts';
import { preflight } from '../postgres/gate/preflight.ts';
import { readControl } from '../postgres/installed/control.ts';
import { NoDatabase } from '../postgres/session/connection-error.ts';
import { connect } from '../postgres/session/open.ts';
import { SwitchDocument } from '../server/documents.ts';
import { type ControlRow, fileControlAt } from '../sqlite/capture/control.ts';
import { traceless } from '../sqlite/file/traces.ts';
import { openWithLoss } from '../sqlite/mirror/fence.ts';
import { hold } from '../sqlite/mirror/hold.ts';
import type { Config } from './config.ts';
import { confirm } from './confirm.ts';
import { notInstalled } from './engine/captured.ts';
import { findTarget, identityOf } from './engine/engine.ts';
import { otherTarget } from './engine/keep/named-target.ts';
import { reachedBy, watched } from './engine/points.ts';
import { historyOf, momentOf, streamOf } from './engine/stream-names.ts';
import { flagAfterLoss, lossOf } from './engine/switch/accepted-loss.ts';
import { flagWithoutPostgres } from './engine/tell/flag.ts';
import type { Context } from './main.ts';
import { EXIT, present, progress } from './report.ts';

const HOLD_MS = 30_000;
const CONNECT_MS = 5_000;

type Options = { readonly dryRun?: boolean; readonly yes?: boolean };

/** Opens SQLite without Postgres. Throws Refused while Postgres answers: then a plain rollback loses nothing. */
export async function acceptLoss(context: Context, { dryRun = false, yes = false }: Options): Promise<number> {
  const config = context.config();
  using _traces = traceless(config.source);
  const flag = flagWithoutPostgres(config, context.env);
  const standing = fileControlAt(config.source);
  if (standing === undefined) throw notInstalled(config.source);
  const begun = lossOf(config.source);
  if (begun === undefined) {
    const silent = await refuse(config, standing, flag);
    for (const line of losing(silent, standing, config)) progress(context.output, line);
    if (dryRun) return said(context, standing, standing.epoch, true);
    await confirm(context, yes, `Make SQLite primary for ${config.source} now, without PostgreSQL?`);
    await open(config, context, flag);
  }
  await flagAfterLoss(config.source, flag);
  const opened = lossOf(config.source) ?? standing; // a daemon may have finished it by now
  return said(context, opened, opened.epoch, dryRun);
}

async function open(config: Config, { env }: Context, flag: FlagProvider): Promise<void> {
  using held = await hold(config.source, HOLD_MS);
  const standing = fileControlAt(config.source)?.epoch ?? 0n;
  const flagged = (await flag.read())?.epoch ?? 0n;
  openWithLoss(held, (flagged > standing ? flagged : standing) + LOSS_EPOCHS);
  await watched('accept', held, reachedBy(env)).commit(HOLD_MS);
}

/** Returns why Postgres cannot be asked. */
async function refuse(config: Config, standing: ControlRow, flag: FlagProvider): Promise<string> {
  if (standing.primary === 'sqlite') throw refused('phase', 'SQLite is primary already', 'there is nothing to roll back');
  const problem = await flag.check('postgres');
  if (problem !== undefined) throw refused('flag', problem, FLAG_REMEDY);
  const silent = await silence(config, standing);
  if (silent !== undefined) return silent;
  throw refused(
    'postgres-answers',
    'PostgreSQL can be reached',
    'run `attacca rollback`, which loses nothing; if the mirror has halted, `attacca resync` first',
  );
}

const refused = (code: string, reason: string, remedy: string): Refused =>
  new Refused('rollback --accept-loss refused', [{ code, reason, remedy }]);

/**
 * Why nobody can be asked for what SQLite has not seen: no server answers, it has that database no more, nothing of ours in it, or only
 * what was there before the cutover. Whoever answers with another refusal could be asked. Throws Refused where another database was named.
 */
async function silence(config: Config, standing: ControlRow): Promise<string | undefined> {
  const connecting = findTarget(config).then(({ url }) => connect(url, { applicationName: 'attacca rollback', connectMs: CONNECT_MS }));
  const failed = await connecting.then(nothing, (error: unknown) => error);
  if (failed instanceof NoDatabase) return `PostgreSQL has this database no longer: ${failed.message}`;
  if (failed instanceof ReplicationError) return 'PostgreSQL cannot be reached';
  await using session = await connecting;
  const control = await readControl(session);
  const facts = await preflight(session, config.schema);
  if (control !== undefined) {
    const { install, epoch } = control;
    const same = standing.source === historyOf({ facts }, streamOf({ install }).slot);
    const heard = install !== standing.install || forgotten(standing, { phase: control.phase as Phase, epoch, same }) === undefined;
    return heard ? undefined : `PostgreSQL answers, but has forgotten the cutover of epoch ${standing.epoch}`;
  }
  const ours = identityOf({ facts });
  if (ours !== standing.target) throw otherTarget(standing.target, ours, 'rollback --accept-loss');
  return "PostgreSQL answers, but attacca's record in it is gone, without which nothing flows back";
}

const nothing = (): void => undefined;

function losing(silent: string, { lsn, watermark }: ControlRow, { flag }: Config): string[] {
  const moment = momentOf(watermark);
  const known =
    moment === null
      ? `SQLite holds what PostgreSQL had committed up to ${lsn}; when that was is not known`
      : `SQLite holds everything that PostgreSQL had committed by ${moment}, ${ago(moment)} ago (position ${lsn})`;
  return [
    `${silent}.`,
    `${known}. What was committed there later is lost to the application.`,
    'Whoever can still reach PostgreSQL can go on writing there, until attacca reaches it again and fences it: stop those instances.',
    ...(flag?.kind === 'postgres' ? ['The flag is a row there, which nobody can read now: point the application at SQLite by hand.'] : []),
  ];
}

function ago(moment: string): string {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(moment)) / 1_000));
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} minutes`;
}

function said(context: Context, { lsn, watermark, primary }: ControlRow, epoch: bigint, dryRun: boolean): number {
  const document = SwitchDocument.parse({
    direction: 'rollback',
    dryRun,
    ok: true,
    blockers: [],
    primary,
    epoch: String(epoch),
    pauseMs: null,
    loss: { lsn, after: momentOf(watermark) },
  });
  const next =
    'keep `attacca sync` running: once PostgreSQL is back it is fenced, what only it had is kept, and it follows SQLite; where it is gone for good, `attacca uninstall` without a target';
  present(context.output, document, () => [dryRun ? 'nothing else stands in the way' : `SQLite is primary, epoch ${epoch}; ${next}`]);
  return EXIT.done;
}
