import { SwitchDocument } from '../server/documents.ts';
import { ask } from './ask.ts';
import { confirm } from './confirm.ts';
import type { Context } from './main.ts';
import { EXIT, present } from './report.ts';

type Options = {
  readonly dryRun?: boolean;
  readonly maxPause?: number;
  readonly yes?: boolean;
  readonly acceptLoss?: boolean;
  readonly at?: string;
  readonly onApproval?: boolean;
  readonly cancel?: boolean;
};

/** `attacca cutover` and `attacca rollback`: the same act with the ends swapped. */
export async function changeover(context: Context, direction: 'cutover' | 'rollback', options: Options): Promise<number> {
  if (options.acceptLoss === true) return await (await import('./accept-loss.ts')).acceptLoss(context, options);
  if (options.at !== undefined || options.onApproval === true || options.cancel === true)
    return await (await import('./schedule.ts')).appoint(context, options);
  const dryRun = options.dryRun === true;
  const to = direction === 'cutover' ? 'PostgreSQL' : 'SQLite';
  if (!dryRun) await confirm(context, options.yes, `Make ${to} primary for ${context.config().source} now?`);
  const maxPause = options.maxPause === undefined ? {} : { maxPauseMs: options.maxPause };
  const { document, daemon } = await ask(context, { operation: 'switch', direction, dryRun, ...maxPause }, SwitchDocument);
  present(context.output, document, () => [...lines(document, to), ...(daemon || dryRun ? [] : [noDaemon(direction)])]);
  return document.ok ? EXIT.done : EXIT.refused;
}

function lines(document: SwitchDocument, to: string): string[] {
  if (!document.dryRun)
    return [`${to} is primary, epoch ${document.epoch}; the application's writes waited at most ${document.pauseMs} ms`];
  if (document.ok) return [`ready: nothing stands in the way of a ${document.direction}`];
  return [
    `not ready: this stands in the way of a ${document.direction}`,
    ...document.blockers.flatMap(({ code, reason, remedy }) => [`  ${code}: ${reason}`, `    → ${remedy}`]),
  ];
}

const noDaemon = (direction: string): string =>
  direction === 'cutover'
    ? 'no daemon runs: start `attacca sync` now, so that SQLite mirrors every change and a rollback stays possible'
    : 'no daemon runs: start `attacca sync` to go on shadowing';
