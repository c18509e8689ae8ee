/*
 * From nothing to an installation in Postgres: the file is examined, the plan decided and tried on the target, tables and fence are made.
 * What goes into the file, and the rows, come phase by phase after that (run/controlling.ts).
 */
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { Refused, UsageError } from '../../../change/errors.ts';
import { quote } from '../../../change/quote.ts';
import { withoutRefused } from '../../../plan/ddl/statements.ts';
import type { TargetSchema } from '../../../plan/existing/target.ts';
import { laterEdits } from '../../../plan/file/later.ts';
import { type Finding, placeOf } from '../../../plan/finding.ts';
import type { Plan } from '../../../plan/plan.ts';
import { todo } from '../../../plan/waive.ts';
import { readControl, storePlan } from '../../../postgres/installed/control.ts';
import { installPostgres, occupants } from '../../../postgres/installed/install.ts';
import { tryPlan } from '../../../postgres/installed/trial.ts';
import { type Session, transaction } from '../../../postgres/session/open.ts';
import { fileControlAt, finished, readFileControl, wasFinished } from '../../../sqlite/capture/control.ts';
import { openSource } from '../../../sqlite/open.ts';
import type { Config } from '../../config.ts';
import { ELSEWHERE, notInstalled, unnamedTarget } from '../captured.ts';
import { type Engine, identityOf, refuse, refuseOtherSource } from '../engine.ts';
import type { Decided } from './deciding.ts';
import { tryValues, whatIsThere } from './existing.ts';
import { checkBeside, decideBeside } from './planning.ts';

/**
 * Looks at a file before anything is put into it: whole, captured for nobody, and nothing that blocks. Changes nothing. Throws
 * Refused with the reasons; rejects when `signal` aborts.
 */
export async function examine(config: Config, log: Logger, signal: AbortSignal, target?: TargetSchema): Promise<Decided> {
  using db = openSource(config.source, { scan: true });
  if (wasFinished(db)) throw finished();
  const theirs = readFileControl(db);
  if (theirs !== undefined && config.target === undefined) throw unnamedTarget(config.source, theirs.target);
  if (theirs !== undefined) throw alreadyCaptured(theirs.target);
  const { source, schema, plan: planFile, waive } = config;
  const deciding = decideBeside({ source, schema, planFile, waive, target }, far => log.info(far, 'reading'), signal);
  deciding.catch(() => undefined); // of a damaged file, that it is damaged is said
  await checkBeside({ source });
  const decided = await deciding;
  report(log, decided.findings);
  return decided;
}

/**
 * Creates the installation in Postgres if there is none: the schema, the tables, the fence, and the control row with the plan.
 * `decided`: what an examination just before has decided. Returns what the server has to say to that. Throws Refused where there is one
 * of another file.
 */
export async function ensurePlan(engine: Engine, signal: AbortSignal, decided?: Decided): Promise<readonly Finding[]> {
  const control = await readControl(engine.main);
  if (control !== undefined) {
    refuseOtherSource(control, engine.config.source);
    await followPlanFile(engine, control.plan);
    return [];
  }
  refuse(engine.facts.copyBlockers(engine.config.snapshot.parallelChunks), engine.url);
  const here = identityOf(engine);
  if (fileControlAt(engine.config.source)?.target === here) throw notInstalled(engine.config.source, here);
  const examined = decided ?? (await examineBoth(engine, signal));
  const doing = examined.plan.existing ? 'fencing the tables that the application has in Postgres' : 'making the tables in Postgres';
  engine.log.info({ tables: examined.plan.tables.length }, doing); // thousands take long
  const { plan, findings } = await onTarget(engine.main, examined);
  report(engine.log, findings);
  await installPostgres(engine.main, plan, {
    install: randomBytes(8).toString('hex'),
    source: engine.config.source,
    system: here,
  });
  engine.log.info({ tables: plan.tables.length, target: engine.facts.database }, 'installed in Postgres');
  return findings;
}

/**
 * The plan file after the installation: what may change still is followed, and what may not is said. A file that is gone, or wrong, is
 * needed no more: it stops nothing.
 */
async function followPlanFile({ config, log, main, alerts }: Engine, plan: Plan): Promise<void> {
  if (config.plan === undefined) return;
  const say = (what: string): void => alerts.raise('plan-file', what, () => log.warn(what));
  try {
    const file = (await import('./deciding.ts')).readOverrides(config.plan);
    if (file === undefined) return;
    const later = laterEdits(plan, file);
    if (later.changes.length > 0) {
      await transaction(main, null, () => storePlan(main, later.plan, later.changes));
      log.info({ changes: later.changes }, 'the plan file is followed');
    }
    if (later.inVain.length > 0)
      say(
        `the plan file ${config.plan} asks for what is not installed, and stays without effect until \`attacca uninstall\` and a new \`attacca sync\`: ${later.inVain.join(', ')}`,
      );
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    say(`${error.message}; the plan that is installed holds`);
  }
}

/**
 * The decision after a trial on the target: without what the server refuses, and with what that means as findings of their own. Nothing is
 * tried where tables stand in the way already.
 */
export async function onTarget<D extends { readonly plan: Plan }>(session: Session, decided: D): Promise<D & { findings: Finding[] }> {
  const { plan } = decided;
  const refused = plan.existing || (await occupants(session, plan)).length > 0 ? [] : await tryPlan(session, plan);
  return { ...decided, ...withoutRefused(plan, refused) };
}

/** The examination with what Postgres has already, which may be the application's tables. */
async function examineBoth({ config, log, main }: Engine, signal: AbortSignal): Promise<Decided> {
  const overrides = config.plan === undefined ? undefined : (await import('./deciding.ts')).readOverrides(config.plan);
  const target = await whatIsThere(main, config.source, config.schema, overrides);
  const decided = await examine(config, log, signal, target);
  report(log, await tryValues(main, config.source, decided.plan, decided.tries));
  return decided;
}

/** What blocks, as a refusal; undefined where nothing does. */
export function blocked(findings: readonly Finding[]): Refused | undefined {
  const blocking = findings.filter(finding => finding.level === 'blocking');
  if (blocking.length === 0) return undefined;
  return new Refused(
    'this database cannot be replicated as it is',
    blocking.map(found => ({ code: found.code, reason: reasonOf(found), remedy: todo(found) })),
  );
}

function report(log: Logger, findings: readonly Finding[]): void {
  const refused = blocked(findings);
  if (refused !== undefined) throw refused;
  for (const finding of findings.filter(finding => finding.level === 'warning')) {
    log.warn({ code: finding.code, table: finding.table, column: finding.column }, finding.message);
  }
}

/** With its place, where the message does not name the table. */
const reasonOf = (found: Finding): string =>
  found.table === null || found.message.includes(quote(found.table)) ? found.message : `${placeOf(found)}: ${found.message}`;

const alreadyCaptured = (target: string): Refused =>
  new Refused('this file is already captured for another target', [
    {
      code: 'captured-elsewhere',
      reason: `its triggers write for ${target}, and two readers of one journal would lose each other's marks`,
      remedy: ELSEWHERE,
    },
  ]);
