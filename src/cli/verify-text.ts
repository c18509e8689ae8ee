import type { VerifyDocument } from '../server/documents.ts';
import { table } from './report.ts';

/** Rows of one table that a terminal shows; a document or a page has more. */
const SHOWN = 20;

/** The report for a terminal. */
export function lines(report: VerifyDocument): string[] {
  const rows = report.tables.map(each => [
    `  ${each.table}`,
    each.counts === null
      ? `${each.compared} rows compared`
      : `${each.counts.sourceRows} rows in SQLite, ${each.counts.targetRows} in Postgres`,
    each.differences === 0 ? 'equal' : `${each.differences} DIFFERENT`,
    digestText(each.digests),
  ]);
  const samples = report.tables.flatMap(each =>
    each.samples
      .slice(0, SHOWN)
      .map(
        ({ table: name, key, kind, columns, rogue }) =>
          `    ${name} ${key}: ${kind}${columns.length === 0 ? '' : ` in ${columns.join(', ')}`}${rogue ? ' (ROGUE: written in Postgres by somebody else)' : ''}`,
      ),
  );
  const objects = report.objects.map(objectText);
  const repaired = report.repaired === 0 ? [] : [`${report.repaired} rows were copied again`];
  const quarantined = report.quarantined === 0 ? [] : [`${report.quarantined} rows are in quarantine: see \`attacca quarantine list\``];
  return [
    ...table(rows),
    ...samples,
    ...objects.map(line => `    ${line}`),
    ...repaired,
    ...quarantined,
    `at ${placeText(report)}; ${askedText(report)}`,
    verdict(report),
  ];
}

/** Twelve digits are enough for people. */
const digestText = (digests: VerifyDocument['tables'][number]['digests']): string =>
  digests === null ? '' : [...new Set([digests.source, digests.target])].map(digest => digest.slice(0, 12)).join(' / ');

/** Where both sides stood. */
export const placeText = ({ position, lsn, from }: VerifyDocument): string =>
  `position ${position} of the journal (from ${from}), ${lsn} of Postgres's WAL`;

/** Who asked, when, and how long it took. */
export const askedText = ({ by, startedAt, durationMs, version, resumed }: VerifyDocument): string =>
  `${by}, ${startedAt}${resumed ? ', interrupted and resumed' : ''}, ${durationMs} ms, attacca ${version}`;

/** What is not as it has to be beside the rows. */
const objectText = ({ kind, table, name, problem, detail }: VerifyDocument['objects'][number]): string =>
  `${kind} ${[table, name].filter(Boolean).join('.')}: ${problem.toUpperCase()}; ${detail}`;

/** Nothing of the application's is written while PostgreSQL is primary. */
const REMEDY =
  'while SQLite is primary `attacca verify --repair` puts them right; while PostgreSQL is, `attacca resync` copies the rows again, and objects are for you to make';

/** The one sentence that counts. */
export const verdict = (report: VerifyDocument): string =>
  report.ok
    ? `equal: every column of ${report.rows} rows and ${report.objectsCompared} objects, compared in ${report.durationMs} ms, as of position ${report.position}`
    : `DIFFERENT: ${report.differences} rows, ${report.objects.length} objects; ${REMEDY}`;
