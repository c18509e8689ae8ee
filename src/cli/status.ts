import { setTimeout as delay } from 'node:timers/promises';
import { shellWord } from '../change/shell.ts';
import { isFirstCopy } from '../cutover/phase.ts';
import { StatusDocument } from '../server/documents.ts';
import { asked } from './approve.ts';
import { look } from './ask.ts';
import type { Context } from './main.ts';
import { EXIT, present, table } from './report.ts';
import { line as throttled } from './throttle.ts';

const EVERY_MS = 1_000;

/** `attacca status`: asks the daemon, or looks for itself without becoming the controller. */
export async function status(context: Context, options: { readonly watch?: boolean }): Promise<number> {
  const config = context.config();
  const unread = new AbortController();
  context.output.stdout.once('error', () => unread.abort());
  for (;;) {
    const document = await look({ ...context, config: () => config }, { operation: 'status' }, StatusDocument, async there =>
      (await import('./engine/run/status.ts')).readStatus(there, null, undefined),
    );
    present(context.output, document, () => lines(document));
    if (options.watch !== true) return EXIT.done;
    await delay(EVERY_MS, undefined, { signal: unread.signal }).catch(() => undefined);
    if (unread.signal.aborted) return EXIT.done;
  }
}

function lines(status: StatusDocument): string[] {
  const { verification, lag, slot, halt, journal, throttle } = status;
  const facts: [string, string][] = [
    ['phase', status.phase],
    ['primary', status.primary ?? 'neither: a switch is under way'],
    ...(throttle === undefined || !isFirstCopy(status.phase) ? [] : [['throttle', throttled(throttle)] satisfies [string, string]]),
    ['epoch', status.epoch],
    ['daemon', status.daemon === null ? 'none answers here' : `pid ${status.daemon.pid}, since ${status.daemon.since}`],
    ...(status.daemon?.dashboard == null ? [] : [['dashboard', status.daemon.dashboard] satisfies [string, string]]),
    ['source', status.source],
    ['target', status.target],
    [
      'lag',
      lag === null
        ? 'unknown'
        : [lag.changes === null ? '' : `${lag.changes} changes`, lag.ms === null ? '' : `${lag.ms} ms`]
            .filter(part => part !== '')
            .join(', '),
    ],
    ...(journal === null ? [] : [['journal', journalLine(journal)] satisfies [string, string]]),
    [
      'verified',
      verification.fullAt === null ? 'never in full' : `${verification.ok === true ? 'equal' : 'DIFFERENT'} at ${verification.fullAt}`,
    ],
    ['quarantine', `${status.quarantine} rows`],
    ...(status.misfits ?? []).map(misfit => ['', misfitLine(misfit)] satisfies [string, string]),
    ...status.suspended.map(({ table, reason }) => ['suspended', `${table}: ${reason}`] satisfies [string, string]),
    [
      'slot',
      slot === null
        ? 'none'
        : `${slot.name}, ${slot.active ? 'active' : 'not read'}, keeps ${slot.retainedBytes} bytes of WAL (${slot.walStatus ?? 'not there'})`,
    ],
    ...(slot?.alarm == null ? [] : [['ALARM', slot.alarm] satisfies [string, string]]),
    ...(status.scheduled === null ? [] : [['scheduled', scheduledLine(status.scheduled)] satisfies [string, string]]),
    ...(halt === null ? [] : [['halted', `${halt.reason} → ${halt.hint}`] satisfies [string, string]]),
  ];
  const tables = status.tables.map(({ table: name, rows, total, done }) => [
    `  ${name}`,
    `${rows}/${total} rows`,
    done ? 'copied' : 'copying',
  ]);
  const timeline = status.timeline.slice(-5).map(({ at, event, by }) => [`  ${at}`, by, event]);
  return [...table(facts), 'tables', ...table(tables), 'timeline', ...table(timeline)];
}

function misfitLine({ table: name, column, rows, reason, proposal }: NonNullable<StatusDocument['misfits']>[number]): string {
  const where = column === '' ? name : `${name}.${column}`;
  const offer = proposal === null ? '' : ` → attacca plan --widen --table ${shellWord(name)} (${column} as ${proposal})`;
  return `${where}: ${rows} rows: ${reason}${offer}`;
}

function scheduledLine(scheduled: NonNullable<StatusDocument['scheduled']>): string {
  const { at, by, approval } = scheduled;
  if (approval == null) return `cutover at ${at}, by ${by}`;
  if (approval.approvedBy !== null) return `cutover at ${at}, by ${by}, approved by ${approval.approvedBy}`;
  return `cutover waits for \`attacca approve\`, ${asked(scheduled)} → attacca cutover --dry-run says what stands in its way`;
}

const journalLine = ({ waiting, maxMarks }: NonNullable<StatusDocument['journal']>): string =>
  `${waiting} marks wait of at most ${maxMarks}${waiting > maxMarks * 0.8 ? ': NEARLY FULL, tables will be copied anew' : ''}`;
