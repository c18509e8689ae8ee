import { DoneDocument, StatusDocument } from '../server/documents.ts';
import { askDaemon } from './ask.ts';
import { confirm } from './confirm.ts';
import { nothingToApprove } from './engine/switch/appointments.ts';
import type { Context } from './main.ts';
import { EXIT, present } from './report.ts';
import { KEEPER } from './schedule.ts';

/** `attacca approve`: shows what waits for it, and approves that: nothing that took its place meanwhile. */
export async function approve(context: Context, { yes = false }: { readonly yes?: boolean }): Promise<number> {
  const { source, scheduled } = await askDaemon(context, { operation: 'status' }, StatusDocument, KEEPER);
  if (scheduled?.approval == null) throw nothingToApprove();
  await confirm(context, yes, `Approve the cutover of ${source} to PostgreSQL, ${asked(scheduled)}?`);
  const document = await askDaemon(context, { operation: 'approve', askedAt: scheduled.approval.askedAt }, DoneDocument, KEEPER);
  present(context.output, document, () => [document.detail]);
  return EXIT.done;
}

type Scheduled = NonNullable<StatusDocument['scheduled']>;

/** By whom and when a cutover that needs approval was asked for, and from when on it may begin if that was said too. */
export function asked({ at, by, approval }: Scheduled): string {
  const askedAt = approval?.askedAt ?? at;
  return `asked for by ${by} at ${askedAt}${Date.parse(at) > Date.parse(askedAt) ? `, not before ${at}` : ''}`;
}
