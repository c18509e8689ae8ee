import { Refused } from '../change/errors.ts';
import { callDaemon } from '../server/call.ts';
import { ThrottleDocument } from '../server/documents.ts';
import { refuseNeverInstalled } from './ask.ts';
import type { Context } from './main.ts';
import { EXIT, present, progress } from './report.ts';

/** `attacca throttle`: turns the running daemon's first copy up or down; without options it only says how it stands. */
export async function throttle(
  context: Context,
  wanted: { readonly rowsPerSecond?: number | 'off'; readonly nice?: number },
): Promise<number> {
  const config = context.config();
  const { rowsPerSecond, nice } = wanted;
  const call = {
    operation: 'throttle',
    ...(rowsPerSecond === undefined ? {} : { rowsPerSecond: rowsPerSecond === 'off' ? null : rowsPerSecond }),
    ...(nice === undefined ? {} : { nice }),
  } as const;
  const answered = await callDaemon(config.source, call, line => progress(context.output, line));
  if (answered === undefined) {
    refuseNeverInstalled(config, 'throttle');
    throw noDaemon();
  }
  const document = ThrottleDocument.parse(answered.result);
  present(context.output, document, () => [`${document.rowsPerSecond ?? 'as many as possible'} rows a second, nice ${document.nice}`]);
  return EXIT.done;
}

const noDaemon = (): Refused =>
  new Refused('no daemon runs for this file', [
    {
      code: 'no-daemon',
      reason: "the throttle is the daemon's, for as long as it runs",
      remedy: 'set snapshot.rowsPerSecond or snapshot.nice in the configuration, or start `attacca sync`',
    },
  ]);
