import { ThrottleDocument } from '../server/documents.ts';
import { askDaemon } from './ask.ts';
import type { Context } from './main.ts';
import { EXIT, present } from './report.ts';

/** `attacca throttle`: turns the running daemon's first copy up or down; without options it only says how it stands. */
export async function throttle(
  context: Context,
  wanted: { readonly rowsPerSecond?: number | 'off'; readonly nice?: number },
): Promise<number> {
  const { rowsPerSecond, nice } = wanted;
  const call = {
    operation: 'throttle',
    ...(rowsPerSecond === undefined ? {} : { rowsPerSecond: rowsPerSecond === 'off' ? null : rowsPerSecond }),
    ...(nice === undefined ? {} : { nice }),
  } as const;
  const document = await askDaemon(context, call, ThrottleDocument, DAEMONS);
  present(context.output, document, () => [`${document.rowsPerSecond ?? 'as many as possible'} rows a second, nice ${document.nice}`]);
  return EXIT.done;
}

const DAEMONS = {
  reason: "the throttle is the daemon's, for as long as it runs",
  remedy: 'set snapshot.rowsPerSecond or snapshot.nice in the configuration, or start `attacca sync`',
};
