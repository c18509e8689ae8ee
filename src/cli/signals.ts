import { EXIT } from './report.ts';

/** The first signal, which `told` hears of, aborts `stop`; a second one ends the process at once. */
export function listenForSignals(stop: AbortController, told: (signal: string) => void): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(EXIT.failed);
      told(signal);
      stop.abort();
    });
  }
}
