import type { Progress } from '../server/operations.ts';

/** Whoever waits for long without a word may think that nothing is done. */
const SILENT_MS = 5_000;

/** Says what is waited for, once, where nothing is heard for some seconds; until it is disposed. */
export function patient(progress: Progress): Disposable & { readonly say: Progress } {
  const late = setTimeout(
    () => progress('no answer yet: the daemon is busy, or waits for Postgres, or is stopped or hung; its log says more'),
    SILENT_MS,
  );
  return {
    say(line, share) {
      clearTimeout(late);
      progress(line, share);
    },
    [Symbol.dispose]: () => clearTimeout(late),
  };
}
