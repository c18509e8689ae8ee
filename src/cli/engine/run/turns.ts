/* One operation at a time: a second one is refused, unless the first makes way. */
import { Refused } from '../../../change/errors.ts';
import { explain, isBusy } from '../../../sqlite/open.ts';
import type { Controller } from '../controller.ts';

type Turns = Pick<Controller, 'alone'> & {
  /** Resolves once nothing runs; what can make way for `what` is told to. */
  idle(what: string): Promise<void>;
  /** Resolves once what runs now has ended, well or not. */
  settled(): Promise<void>;
};

/** Of operations on the file at `source`. */
export function turns(source: string): Turns {
  let busy: { readonly what: string; readonly settled: Promise<void>; readonly interrupt: AbortController | undefined } | undefined;
  return {
    async alone(what, work, interrupt) {
      while (busy?.interrupt !== undefined && interrupt === undefined) {
        busy.interrupt.abort(inProgress(what));
        await busy.settled;
      }
      if (busy !== undefined) throw inProgress(busy.what);
      const running = work().catch(error => {
        throw isBusy(error) ? explain(source, error) : error;
      });
      busy = { what, settled: running.then(nothing, nothing), interrupt };
      try {
        return await running;
      } finally {
        busy = undefined;
      }
    },
    async idle(what) {
      while (busy !== undefined) {
        busy.interrupt?.abort(inProgress(what));
        await busy.settled;
      }
    },
    async settled() {
      await busy?.settled;
    },
  };
}

const nothing = (): void => undefined;

const inProgress = (what: string): Refused =>
  new Refused('another operation is under way', [
    { code: 'busy', reason: `${what} is running`, remedy: 'wait until it has ended; `attacca status` shows the phase' },
  ]);
