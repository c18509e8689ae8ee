import { ThrottleDocument } from '../server/documents.ts';
import { askDaemon } from './ask.ts';
import type { Context } from './main.ts';
import { EXIT, present } from './report.ts';

type Options = {
  readonly rowsPerSecond?: number | 'off';
  readonly nice?: number;
  readonly chunkRows?: number;
  readonly pause?: boolean;
  readonly resume?: boolean;
};

/** `attacca throttle`: turns the running daemon's first copy up or down, or stops it for a while; without options it only says how it stands. */
export async function throttle(context: Context, { rowsPerSecond, nice, chunkRows, pause, resume }: Options): Promise<number> {
  const call = {
    operation: 'throttle',
    ...(rowsPerSecond === undefined ? {} : { rowsPerSecond: rowsPerSecond === 'off' ? null : rowsPerSecond }),
    ...(nice === undefined ? {} : { nice }),
    ...(chunkRows === undefined ? {} : { chunkRows }),
    ...(pause === resume ? {} : { paused: pause === true }),
  } as const;
  const document = await askDaemon(context, call, ThrottleDocument, DAEMONS);
  present(context.output, document, () => [line(document)]);
  return EXIT.done;
}

/** How the throttle stands, in one line. */
export function line({ paused, rowsPerSecond, nice, chunkRows }: ThrottleDocument): string {
  const rate = rowsPerSecond === null ? 'as fast as it goes' : `at most ${rowsPerSecond} rows a second`;
  return `${paused ? 'PAUSED until `attacca throttle --resume`; then ' : ''}${rate}, nice ${nice}, chunks of ${chunkRows} rows`;
}

const DAEMONS = {
  reason: "the throttle is the daemon's, for as long as it runs",
  remedy: 'set snapshot.rowsPerSecond, snapshot.nice or snapshot.chunkRows in the configuration, or start `attacca sync`',
};
