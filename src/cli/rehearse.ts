import pino from 'pino';
import { Refused, ReplicationError } from '../change/errors.ts';
import { redact } from '../change/redact.ts';
import { durationText } from '../plan/estimate.ts';
import { RehearsalDocument } from '../server/documents.ts';
import { finished, readFileControl, wasFinished } from '../sqlite/capture/control.ts';
import { traceless } from '../sqlite/file/traces.ts';
import { checkFile, openSource } from '../sqlite/open.ts';
import { progressBar } from './bar.ts';
import { readOverrides } from './engine/decide/deciding.ts';
import { reachedBy } from './engine/points.ts';
import { onStage } from './engine/rehearse/stage.ts';
import { walk } from './engine/rehearse/walk.ts';
import { retelling } from './engine/tell/reckoning.ts';
import type { Context } from './main.ts';
import { EXIT, present, table } from './report.ts';
import { listenForSignals } from './signals.ts';

/** `attacca rehearse`: exit code 3 if something would stand in the way, 4 if the sides differ. `target`: only one that was named here. */
export async function rehearse(context: Context, options: { readonly target?: string }): Promise<number> {
  const document = await rehearsed(context, options.target !== undefined);
  present(context.output, document, () => lines(document));
  if (document.blockers.length > 0) return EXIT.refused;
  return document.ok ? EXIT.done : EXIT.differ;
}

async function rehearsed({ config: read, output, env }: Context, named: boolean): Promise<RehearsalDocument> {
  const config = read();
  const target = named ? config.target : undefined;
  using bar = progressBar(output);
  const { say } = bar;
  const stop = new AbortController();
  listenForSignals(stop, () => say('stopping: everything is removed'));
  const { signal } = stop;
  const retell = retelling(say);
  const log = pino({ level: 'info' }, { write: (line: string) => retell(JSON.parse(line)) });
  checkFile(config.source, false);
  using _traces = traceless(config.source);
  refuseUnlessSqlite(config.source);
  readOverrides(config.plan); // before the file is copied for nothing
  try {
    const found = await onStage(config, { target, say, signal }, stage =>
      walk(stage, { target, log, around: { env, reached: reachedBy(env) }, say, signal }),
    );
    signal.throwIfAborted();
    const ok = found.differences === 0 && found.blockers.length === 0;
    return RehearsalDocument.parse({ ok, source: config.source, target: target === undefined ? null : redact(target), ...found });
  } catch (error) {
    throw signal.aborted ? interrupted() : error;
  }
}

function refuseUnlessSqlite(source: string): void {
  using db = openSource(source, { readonly: true, untouched: true });
  if (wasFinished(db)) throw finished();
  if (readFileControl(db)?.primary !== 'postgres') return;
  const reason = 'Postgres is primary, and the file a mirror of it';
  throw new Refused('rehearse refused', [{ code: 'phase', reason, remedy: 'rehearse before a cutover, or after a rollback' }]);
}

const interrupted = (): ReplicationError =>
  new ReplicationError('halt', 'the rehearsal was interrupted', { hint: 'nothing of it is left; run it again when you like' });

/** This many of each kind of warning are named; `attacca assess` names all of them. */
const NAMED = 3;

function lines(document: RehearsalDocument): string[] {
  const { source, target, rows, steps, findings, samples, blockers } = document;
  const list = (title: string, of: readonly string[]): string[] => (of.length === 0 ? [] : [title, ...of.map(line => `  ${line}`)]);
  return [
    steps.length === 0
      ? `${source} cannot be rehearsed as it is`
      : `rehearsed ${source} in ${target ?? 'a PostgreSQL of its own'}: ${rows} rows`,
    ...table(steps.map(({ name, seconds }) => [`  ${name}`, `${seconds} s`, remark(document, name)])),
    ...list('warnings', [...Map.groupBy(findings, ({ code }) => code).values()].flatMap(alike)),
    ...list(
      'different',
      samples.map(({ table: name, key, kind, columns }) => `${name} ${key}: ${kind} ${columns.join(', ')}`.trimEnd()),
    ),
    ...list(
      'in the way',
      blockers.flatMap(({ code, reason, remedy }) => [`${code}: ${reason}`, `  → ${remedy}`]),
    ),
    ...verdict(document),
    'nothing of the rehearsal is left; the file, its flag and its daemon were not touched',
  ];
}

function alike(findings: RehearsalDocument['findings']): string[] {
  const named = findings.slice(0, NAMED).map(({ code, table: name, column, message }) => {
    const where = [name, column].filter(part => part !== null).join('.');
    return `${code}${where === '' ? '' : ` ${where}`}: ${message}`;
  });
  const more = findings.length - named.length;
  return more === 0 ? named : [...named, `and ${more} more of this kind`];
}

function remark({ rowsPerSecond, pauseMs }: RehearsalDocument, step: string): string {
  if (step === 'copy') return `${rowsPerSecond} rows/s`;
  return step === 'cutover' || step === 'rollback' ? `the application would wait ${pauseMs[step]} ms` : '';
}

function verdict({ ok, blockers, differences, steps, pauseMs }: RehearsalDocument): string[] {
  if (blockers.length > 0) return ['NOT READY: see what is in the way'];
  if (!ok) return [`DIFFERENT: ${differences} rows or objects`];
  const took = (name: string): string => durationText(Math.ceil(steps.find(step => step.name === name)?.seconds ?? 0));
  return [
    `ready. Expect ${took('copy')} until everything is copied, and ${took('verify')} for a full verification; on the night the application`,
    `waits ${pauseMs.cutover} ms at the cutover and ${pauseMs.rollback} ms at a rollback, and for what it has just written to be applied`,
  ];
}
