import type { FlagState } from '../flag/flag.ts';

/**
 * Who this instance takes for primary. It hears from the flag and from fences and believes the newest epoch. At the same
 * epoch a fence wins, because it is the database itself that refused; a flag may be corrected by hand.
 */
export function belief(start: FlagState, onSwitch: (state: FlagState) => void) {
  let state = start;
  let proven = 0n;
  const hear = (news: FlagState | undefined, proof: 0n | 1n): void => {
    if (news === undefined || news.epoch * 2n + proof < state.epoch * 2n + proven) return;
    const moved = news.primary !== state.primary;
    state = news;
    proven = proof;
    if (moved) queueMicrotask(() => onSwitch(news)); // what it throws is the application's to hear of, and breaks nothing here
  };
  return {
    primary: () => state.primary,
    flag: (news: FlagState | undefined) => hear(news, 0n),
    fence: (news: FlagState | undefined) => hear(news, 1n),
  };
}
