import { z } from 'zod';
import { UsageError } from '../change/errors.ts';
import { DoneDocument } from '../server/documents.ts';
import { askDaemon } from './ask.ts';
import { confirm } from './confirm.ts';
import type { Context } from './main.ts';
import { EXIT, present } from './report.ts';

const LONGEST_DAYS = 30;

type Options = {
  readonly at?: string;
  readonly onApproval?: boolean;
  readonly cancel?: boolean;
  readonly maxPause?: number;
  readonly yes?: boolean;
};

/** `attacca cutover --at TIME`, `--on-approval` and `--cancel`. */
export async function appoint(context: Context, options: Options): Promise<number> {
  const { source } = context.config();
  const at = options.at === undefined ? null : moment(options.at);
  const onApproval = options.onApproval === true ? { onApproval: true } : {};
  const when = options.onApproval === true ? `once it is approved${at === null ? '' : `, not before ${at}`}` : `at ${at}`;
  if (options.cancel !== true) await confirm(context, options.yes, `Make PostgreSQL primary for ${source} ${when}?`);
  const maxPause = options.maxPause === undefined ? {} : { maxPauseMs: options.maxPause };
  const document = await askDaemon(context, { operation: 'schedule', at, ...onApproval, ...maxPause }, DoneDocument, KEEPER);
  present(context.output, document, () => [document.detail]);
  return EXIT.done;
}

const ISO = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)$/;

/** ISO 8601 with a zone: a time of day that means another moment elsewhere is refused, and a 31st of November, which is parsed as the day after. */
function moment(text: string): string {
  const ms = z.iso.date().safeParse(ISO.exec(text)?.[1]).success ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new UsageError(`${text} is not a point in time`, 'give date, time and zone: 2026-11-29T03:00:00+01:00');
  if (ms <= Date.now()) throw new UsageError(`${text} has passed`, 'give a moment in the future, or leave --at out');
  if (ms > Date.now() + LONGEST_DAYS * 86_400_000) throw new UsageError(`${text} is too far away`, `give one within ${LONGEST_DAYS} days`);
  return new Date(ms).toISOString();
}

/** Only the daemon can keep an appointment. */
export const KEEPER = { reason: 'nobody would be there to begin the cutover', remedy: 'start `attacca sync` and leave it running' };
