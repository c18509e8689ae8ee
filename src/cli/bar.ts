/* Progress of long work: plain lines, and on a terminal a bar that stays in its place and goes when the work is done. */
import { Presets, SingleBar } from 'cli-progress';
import { plain } from '../change/plain.ts';
import type { Progress } from '../server/operations.ts';
import { type Output, progress } from './report.ts';

const CELLS = 24;

/** `say` tells how far the work is; a bar that stands is taken away by `end`, and by a line of which nobody knows how much it is. */
export type Bar = Disposable & { readonly say: Progress; end(): void };

/** Writes to `output.stderr`, and with --quiet nothing. */
export function progressBar(output: Output): Bar {
  let bar: SingleBar | undefined;
  const end = (): void => {
    bar?.stop();
    bar = undefined;
  };
  return {
    say(line, share) {
      if (output.quiet) return;
      if (share === undefined || output.stderr.isTTY !== true) {
        end();
        return progress(output, line);
      }
      bar ??= begun(output.stderr);
      bar.update(Math.min(1, share), { line: plain(line) });
    },
    end,
    [Symbol.dispose]: end,
  };
}

/** What `work` returns; its bar is gone by then. */
export function showing<T>(output: Output, work: (say: Progress) => T): T {
  using bar = progressBar(output);
  return work(bar.say);
}

function begun(stream: NodeJS.WritableStream): SingleBar {
  const bar = new SingleBar(
    { stream, format: '{bar} {percentage} % {line}', barsize: CELLS, clearOnComplete: true, hideCursor: false, gracefulExit: false },
    Presets.shades_classic,
  );
  bar.start(1, 0, { line: '' });
  return bar;
}
