import { statSync } from 'node:fs';
import { type Blocker, Refused } from '../change/errors.ts';
import { bytesText, durationText, estimate } from '../plan/estimate.ts';
import { type Finding, placeOf } from '../plan/finding.ts';
import { dispositions } from '../plan/objects/dispositions.ts';
import { keyColumns, type Plan } from '../plan/plan.ts';
import { todo } from '../plan/waive.ts';
import { transactionPooler } from '../postgres/gate/pooler.ts';
import { preflight } from '../postgres/gate/preflight.ts';
import { readControl } from '../postgres/installed/control.ts';
import { connect, type Session } from '../postgres/session/open.ts';
import type { AssessDocument } from '../server/documents.ts';
import { refuseDamaged } from '../sqlite/file/integrity.ts';
import { traceless } from '../sqlite/file/traces.ts';
import { keySize } from '../sqlite/journal/key-size.ts';
import { type Database, openSource, PATIENT_MS } from '../sqlite/open.ts';
import { readSchema } from '../sqlite/schema/tables.ts';
import { page } from './assess-page.ts';
import { showing } from './bar.ts';
import { onTarget } from './engine/decide/bootstrap.ts';
import { type Decided, decidePlan, readOverrides } from './engine/decide/deciding.ts';
import { tryValues, whatIsThere } from './engine/decide/existing.ts';
import { refuseOlder, refuseOtherSource } from './engine/engine.ts';
import { saying } from './engine/tell/reckoning.ts';
import type { Context } from './main.ts';
import { EXIT, present, table } from './report.ts';
import { outputTo } from './write.ts';

/** `attacca assess`: reads both sides, changes nothing. Exit code 3 if something blocks. */
export async function assess(context: Context, options: { readonly html?: string; readonly target?: string }): Promise<number> {
  const { source, target, schema, plan: planFile, waive, snapshot } = context.config();
  const write = outputTo(options.html, source);
  using _traces = traceless(source);
  using db = openSource(source, { readonly: true, untouched: true, readWaitMs: PATIENT_MS });
  showing(context.output, say => {
    say('checking that the file is whole');
    refuseDamaged(db, source);
  });
  const session = target === undefined ? undefined : await connect(target, { applicationName: 'attacca assess' });
  await using _session = session ?? null;
  const relations = session === undefined ? undefined : await whatIsThere(session, source, schema, readOverrides(planFile));
  const decided = showing(context.output, say =>
    decidePlan(db, { schema, planFile, waive, target: relations, onProgress: saying(say, 'reading') }),
  );
  const there =
    session === undefined || target === undefined
      ? { plan: decided.plan, findings: [] }
      : await lookAtTarget(session, { source, schema, target, chunks: snapshot.parallelChunks }, decided);
  const findings = [...decided.findings, ...there.findings];
  const bytes = statSync(source).size;
  const rows = [...decided.rows.values()].reduce((sum, count) => sum + count, 0);
  const sized = estimate({ rows, bytes, keyBytes: keyBytes(db, decided) });
  const document: AssessDocument = {
    source,
    bytes,
    tables: decided.plan.tables.map(plan => ({
      table: plan.name,
      rows: decided.rows.get(plan.id) ?? 0,
      key:
        plan.key.kind === 'hidden'
          ? 'hidden rowid'
          : keyColumns(plan)
              .map(column => column.name)
              .join(', '),
      columns: plan.columns.length,
    })),
    findings,
    objects: dispositions(readSchema(db), there.plan, findings),
    estimate: { ...sized, snapshotSeconds: [...sized.snapshotSeconds], assumptions: [...sized.assumptions] },
    ready: !findings.some(finding => finding.level === 'blocking'),
  };
  write(() => page(document, there.plan, estimateLines(document)));
  present(context.output, document, () => lines(document));
  return document.ready ? EXIT.done : EXIT.refused;
}

async function lookAtTarget(
  session: Session,
  {
    source,
    schema,
    target,
    chunks,
  }: { readonly source: string; readonly schema: string; readonly target: string; readonly chunks: number },
  decided: Decided,
): Promise<{ plan: Plan; findings: Finding[] }> {
  const facts = await preflight(session, schema);
  const here = [...facts.blockers, ...facts.copyBlockers(chunks)];
  const blockers = [...here, ...(await transactionPooler(session, target)), ...(await whoseIsIt(session, source))];
  const later = facts.cutoverBlockers.filter(({ code }) => !blockers.some(blocker => blocker.code === code));
  const finding =
    (level: Finding['level']) =>
    ({ code, reason, remedy }: Blocker): Finding => ({
      code,
      level,
      table: null,
      column: null,
      message: reason,
      remedy,
      count: 1,
      samples: [],
    });
  const tried = blockers.length > 0 ? { plan: decided.plan, findings: [] } : await onTarget(session, decided);
  const blocked = decided.findings.some(({ level }) => level === 'blocking');
  const refused = blocked ? [] : await tryValues(session, source, decided.plan, decided.tries);
  return {
    ...tried,
    findings: [...blockers.map(finding('blocking')), ...later.map(finding('warning')), ...tried.findings, ...refused],
  };
}

/** Why an installation that is there already is not this file's to go on with. */
async function whoseIsIt(session: Session, source: string): Promise<readonly Blocker[]> {
  try {
    await refuseOlder(session);
    const control = await readControl(session);
    if (control !== undefined) refuseOtherSource(control, source);
    return [];
  } catch (error) {
    if (error instanceof Refused) return error.blockers;
    throw error;
  }
}

/** Of a row's key, on average: the rows that there are tell which tables change. */
function keyBytes(db: Database, { plan, rows }: Decided): number {
  const sizes = plan.tables.map(table => ({ count: rows.get(table.id) ?? 0, bytes: keySize(db, table) }));
  const count = sizes.reduce((sum, each) => sum + each.count, 0);
  return Math.round(sizes.reduce((sum, each) => sum + each.count * each.bytes, 0) / Math.max(1, count));
}

/** The figures to plan with, as sentences. */
function estimateLines({ estimate: { snapshotSeconds, walBytes, journalBytesPerMillion, assumptions } }: AssessDocument): string[] {
  const [least = 0, most = 0] = snapshotSeconds;
  return [
    `first copy: ${durationText(least)} to ${durationText(most)}`,
    `PostgreSQL's WAL during it: ${bytesText(walBytes)}`,
    `the SQLite file grows by ${bytesText(journalBytesPerMillion)} for every million changed rows that wait`,
    ...assumptions.map(assumption => `assumed: ${assumption}`),
  ];
}

function lines(document: AssessDocument): string[] {
  const tables = document.tables.map(each => [`  ${each.table}`, `${each.rows} rows`, `${each.columns} columns`, `key: ${each.key}`]);
  const findings = document.findings.flatMap(found => {
    const { level, code, message, samples } = found;
    const where = placeOf(found);
    const keys = samples.length === 0 ? '' : ` (keys: ${samples.slice(0, 5).join(' ')})`;
    return [`  ${level} ${code}${where === '' ? '' : ` ${where}`}: ${message}${keys}`, `    → ${todo(found)}`];
  });
  const objects = document.objects.map(({ type, name, disposition }) => [`  ${type}`, name, disposition]);
  return [
    `${document.source}: ${document.tables.length} tables, ${document.bytes} bytes`,
    ...table(tables),
    'findings',
    ...(findings.length === 0 ? ['  none'] : findings),
    'estimate',
    ...estimateLines(document).map(line => `  ${line}`),
    'objects',
    ...table(objects),
    document.ready ? 'ready: nothing blocks' : 'BLOCKED: see the blocking findings',
  ];
}
