import type { FlagState, Side } from '../flag/flag.ts';

/**
 * Who this instance takes for primary. It hears from the flag and from fences and believes the newest epoch. At the same
 * epoch a fence wins, because it is the database itself that refused; a flag may be corrected by hand. A flag that has no epochs is
 * news when it changes: else an instance that has met a fence would follow fences only, also when nobody is there any more to raise one.
 */
export function belief(start: FlagState, onSwitch: (state: FlagState) => void) {
  let state = start;
  let proven: 0n | 1n = 0n;
  let unnumbered: Side | undefined = start.epoch === 0n ? start.primary : undefined;
  const hear = (news: FlagState | undefined, proof: 0n | 1n): void => {
    if (news === undefined || news.epoch * 2n + proof < state.epoch * 2n + proven) return;
    const moved = news.primary !== state.primary;
    state = news;
    proven = proof;
    if (moved) queueMicrotask(() => onSwitch(news)); // what it throws is the application's to hear of, and breaks nothing here
  };
  const flag = (news: FlagState | undefined): void => {
    if (news === undefined) return;
    const before = unnumbered;
    unnumbered = before !== undefined && news.epoch === 0n ? news.primary : undefined;
    if (unnumbered !== undefined && unnumbered !== before) hear({ primary: unnumbered, epoch: state.epoch }, proven);
    else hear(news, 0n);
  };
  return {
    primary: () => state.primary,
    flag,
    fence: (news: FlagState | undefined) => hear(news, 1n),
  };
}
