/*
 * From nothing to shadowing: plan, install, copy, catch up. Every step is idempotent and the phase is stored before the next one,
 * so a process killed anywhere goes on where it was.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { Refused, UsageError } from '../../change/errors.ts';
import { decide } from '../../plan/decide.ts';
import type { PlanFile } from '../../plan/edit.ts';
import { express } from '../../plan/express.ts';
import { applyPlanFile, parsePlan } from '../../plan/file.ts';
import type { Finding } from '../../plan/finding.ts';
import { expected, isExisting, match } from '../../plan/match.ts';
import type { Plan } from '../../plan/plan.ts';
import { withoutRefused } from '../../plan/statements.ts';
import type { TargetSchema } from '../../plan/target.ts';
import { waivableAs, waive } from '../../plan/waive.ts';
import { readControl } from '../../postgres/control.ts';
import { installPostgres, occupants } from '../../postgres/install.ts';
import type { Session } from '../../postgres/open.ts';
import { tryPlan } from '../../postgres/trial.ts';
import { captureHazards } from '../../sqlite/hazards.ts';
import { readControl as readSqliteControl } from '../../sqlite/install.ts';
import { refuseDamaged } from '../../sqlite/integrity.ts';
import { type Database, openSource } from '../../sqlite/open.ts';
import { profile } from '../../sqlite/profile.ts';
import { readSchema } from '../../sqlite/tables.ts';
import type { Config } from '../config.ts';
import { disposable } from './disposable.ts';
import { type Engine, refuseOtherSource } from './engine.ts';
import { tryValues, whatIsThere } from './existing.ts';

export type Decided = {
  readonly plan: Plan;
  readonly findings: readonly Finding[];
  readonly rows: ReadonlyMap<number, number>;
  /** Ids of tables of the application's own in Postgres that have to be asked whether they take the rows. */
  readonly tries: readonly number[];
};

/** Reads every value of the file and decides what becomes what. `planFile`: the reviewed overrides; `target`: what Postgres has already. */
export function decidePlan(
  db: Database,
  options: {
    readonly schema: string;
    readonly planFile: string | undefined;
    /** Names of findings that are accepted beside those of the plan file. */
    readonly waive?: readonly string[];
    readonly target?: TargetSchema | undefined;
    readonly onProgress?: (line: string) => void;
  },
): Decided {
  const schema = readSchema(db);
  const { target } = options;
  const file = options.planFile === undefined ? undefined : readPlanFile(options.planFile);
  const wanted = file === undefined ? undefined : parsePlan(file);
  const stats = profile(
    db,
    schema,
    ({ table, rows, total }) => options.onProgress?.(`reading ${table}: ${rows} of ${total} rows`),
    (table, column) =>
      wanted?.tables[table]?.columns[column]?.codec ?? (target === undefined ? undefined : expected(target, table, column, wanted)),
  );
  const exclude = wanted?.exclude ?? []; // before deciding: what is left out cannot block
  const decided = decide(schema, stats, { schema: options.schema, exclude });
  const reviewed = file === undefined ? decided : { ...decided, plan: applyPlanFile(decided.plan, file, stats) };
  const matched =
    target !== undefined && isExisting(decided, target, wanted)
      ? match(decided, target, { source: schema, profile: stats, file: wanted })
      : { ...express(schema, reviewed), tries: [] }; // once more: expressions follow the columns' types
  const accepted = [...(wanted?.waive ?? []), ...(options.waive ?? []).map(name => ({ finding: name, reason: 'waived by configuration' }))];
  const { findings, waived } = waive([...matched.findings, ...captureHazards(schema)], accepted);
  const plan = { ...matched.plan, ...(waived.length > 0 && { waived }) };
  return {
    plan,
    findings,
    rows: new Map(plan.tables.map(table => [table.id, stats[table.name]?.rows ?? 0])),
    tries: matched.tries,
  };
}

function readPlanFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new UsageError(`the plan file ${path} cannot be read`, 'check the path; `attacca plan --out FILE` writes one');
  }
}

/**
 * Looks at a file before anything is put into it: whole, captured for nobody, and nothing that blocks. Changes nothing. Throws
 * Refused with the reasons.
 */
export function examine(config: Config, log: Logger, target?: TargetSchema): Decided {
  using db = disposable(openSource(config.source));
  const theirs = readSqliteControl(db.database);
  if (theirs !== undefined) throw alreadyCaptured(theirs.target);
  refuseDamaged(db.database, config.source);
  const { schema, plan: planFile, waive: accepted } = config;
  const decided = decidePlan(db.database, { schema, planFile, waive: accepted, target, onProgress: line => log.debug(line) });
  report(log, decided.findings);
  return decided;
}

/**
 * Creates the installation in Postgres if there is none: the schema, the tables, the fence, and the control row with the plan.
 * `decided`: what an examination just before has decided. Throws Refused where there is one of another file.
 */
export async function ensurePlan(engine: Engine, decided?: Decided): Promise<void> {
  const control = await readControl(engine.main);
  if (control !== undefined) return refuseOtherSource(control, engine.config.source);
  const { plan, findings } = await onTarget(engine.main, decided ?? (await examineBoth(engine)));
  report(engine.log, findings);
  await installPostgres(engine.main, plan, {
    install: randomBytes(8).toString('hex'),
    source: engine.config.source,
    system: identityOf(engine),
  });
  engine.log.info({ tables: plan.tables.length, target: engine.facts.database }, 'installed in Postgres');
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
async function examineBoth({ config, log, main }: Engine): Promise<Decided> {
  const target = await whatIsThere(main, config.source, config.schema, readOverrides(config.plan));
  const decided = examine(config, log, target);
  report(log, await tryValues(main, config.source, decided.plan, decided.tries));
  return decided;
}

/** The plan file, if there is one. Throws UsageError where it cannot be read or is not valid. */
export const readOverrides = (path: string | undefined): PlanFile | undefined =>
  path === undefined ? undefined : parsePlan(readPlanFile(path));

function report(log: Logger, findings: readonly Finding[]): void {
  const blocking = findings.filter(finding => finding.level === 'blocking');
  if (blocking.length > 0) {
    throw new Refused(
      'this database cannot be replicated as it is',
      blocking.map(found => ({ code: found.code, reason: found.message, remedy: remedyOf(found) })),
    );
  }
  for (const finding of findings.filter(finding => finding.level === 'warning')) {
    log.warn({ code: finding.code, table: finding.table, column: finding.column }, finding.message);
  }
}

function remedyOf(found: Finding): string {
  const name = waivableAs(found);
  return name === undefined ? found.remedy : `${found.remedy} Or accept it: --waive '${name}'.`;
}

/** Which Postgres database this is: the file remembers it, so that two targets never share one journal. */
export const identityOf = (engine: Engine): string => `${engine.facts.systemIdentifier}/${engine.facts.database}`;

const alreadyCaptured = (target: string): Refused =>
  new Refused('this file is already captured for another target', [
    {
      code: 'captured-elsewhere',
      reason: `its triggers write for ${target}, and two readers of one journal would lose each other's marks`,
      remedy: 'run `attacca uninstall` against that target first, or `attacca uninstall --source FILE` where that target is gone',
    },
  ]);
