import type { z } from 'zod';
import { actor } from '../change/actor.ts';
import { Refused, UsageError } from '../change/errors.ts';
import { callDaemon } from '../server/call.ts';
import type { Call } from '../server/control.ts';
import { DoneDocument } from '../server/documents.ts';
import { checkFile } from '../sqlite/open.ts';
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
  const document = await askKeeper(context, { operation: 'schedule', at, ...onApproval, ...maxPause }, DoneDocument);
  present(context.output, document, () => [document.detail]);
  return EXIT.done;
}

/** Asks the daemon, which alone can keep an appointment. Throws Refused where none runs. */
export async function askKeeper<T>(context: Context, call: Call, schema: z.ZodType<T>): Promise<T> {
  const { source } = context.config();
  const answer = await callDaemon(source, call, () => undefined, actor(context.env));
  if (answer === undefined) {
    checkFile(source, true);
    throw noDaemon();
  }
  return schema.parse(answer.result);
}

/** ISO 8601 with a zone: a time of day that means another moment elsewhere is refused. */
function moment(text: string): string {
  const ms = /T.*(Z|[+-]\d\d:?\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new UsageError(`${text} is no moment`, 'give date, time and zone: 2026-11-29T03:00:00+01:00');
  if (ms <= Date.now()) throw new UsageError(`${text} has passed`, 'give a moment in the future, or leave --at out');
  if (ms > Date.now() + LONGEST_DAYS * 86_400_000) throw new UsageError(`${text} is too far away`, `give one within ${LONGEST_DAYS} days`);
  return new Date(ms).toISOString();
}

const noDaemon = (): Refused =>
  new Refused('no daemon runs', [
    { code: 'no-daemon', reason: 'nobody would be there to begin the cutover', remedy: 'start `attacca sync` and leave it running' },
  ]);
