import { setTimeout as delay } from 'node:timers/promises';
import type { FlagProvider, FlagState } from './flag.ts';

/**
 * Calls `onChange` with the flag's state, first and after every change, until `signal`. Events only make it faster: the
 * flag is read every `pollMs` anyway. A flag that cannot be read now is read again later; nothing is reported meanwhile.
 * Keeps no process alive.
 */
export function watchFlag(
  provider: Pick<FlagProvider, 'read' | 'watch'>,
  options: { readonly signal: AbortSignal; readonly pollMs: number },
  onChange: (state: FlagState) => void,
): void {
  const { signal, pollMs } = options;
  let seen: FlagState | undefined;
  let reading = false;
  let again = false;
  const look = async (): Promise<void> => {
    again = true;
    if (reading) return;
    reading = true;
    while (again && !signal.aborted) {
      again = false;
      const state = await provider.read().catch(() => undefined);
      if (state === undefined || signal.aborted || (seen?.epoch === state.epoch && seen.primary === state.primary)) continue;
      seen = state;
      onChange(state);
    }
    reading = false;
  };
  provider.watch?.(() => void look(), signal);
  void poll(look, pollMs, signal);
}

async function poll(look: () => Promise<void>, pollMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await look();
    await delay(pollMs, undefined, { signal, ref: false }).catch(() => {}); // cancelled: the loop ends
  }
}
