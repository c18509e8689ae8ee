import { DoneDocument } from '../server/documents.ts';
import { ask, exported } from './ask.ts';
import { confirm } from './confirm.ts';
import { gone } from './engine/keep/gone.ts';
import type { Context } from './main.ts';
import { EXIT, present } from './report.ts';

/** `attacca uninstall`: give up while SQLite is primary, and leave no trace. */
export async function uninstall(
  context: Context,
  options: { readonly keepTarget?: boolean; readonly yes?: boolean; readonly audit?: string },
): Promise<number> {
  const config = context.config();
  const keepTarget = options.keepTarget === true;
  const lost = keepTarget ? '' : ' The tables that it made in Postgres are dropped.';
  await confirm(context, options.yes, `Remove attacca from ${config.source} and from Postgres?${lost}`);
  const { document, daemon } = await ask(context, { operation: 'uninstall', keepTarget, ...exported(options.audit) }, DoneDocument);
  const stays = config.target === undefined && keepTarget;
  if (daemon && !stays) await gone(config);
  present(context.output, document, () => [document.detail]);
  return EXIT.done;
}
