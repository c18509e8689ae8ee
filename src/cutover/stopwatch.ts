/** Measures how long the application's writes had to wait, from the lock to the flag. */
export type Stopwatch = { start(): void; stop(): void; readonly pauseMs: number };

export function stopwatch(now: () => number): Stopwatch {
  let from: number | undefined;
  let to: number | undefined;
  return {
    start() {
      from = now();
    },
    stop() {
      to = now();
    },
    get pauseMs() {
      return from === undefined ? 0 : (to ?? now()) - from;
    },
  };
}
