/*
 * What is wrong for a while is said when it begins, when it changes and when it is over, not at every look: an outage of a night must not
 * bury what else the log says. Lives as long as the process, whatever the controller loses meanwhile.
 */
import { messageOf } from '../../../change/errors.ts';

export type Alerts = {
  /** `what` stands in the way of `about`: said where that is new, or another reason than before. */
  raise(about: string, what: string, say: () => void): void;
  /** Says that it is over, with how often it was met, where it was said to be. */
  over(about: string, say: (stood: { readonly seconds: number; readonly times: number }) => void): void;
  /** Events that each count: said at once, then once a minute with the sum of those since. */
  seldom(about: string, count: number, say: (count: number) => void): void;
};

/** The reason without its numbers: bytes and ports that move are no news. */
export const reasonOf = (error: unknown): string => messageOf(error).replaceAll(/\d+/g, '#');

const AGAIN_MS = 60_000;

export function alertsOf(now: () => number = () => performance.now()): Alerts {
  const standing = new Map<string, { readonly what: string; readonly since: number; readonly times: number }>();
  const events = new Map<string, { readonly said: number; readonly unsaid: number }>();
  return {
    raise(about, what, say) {
      const known = standing.get(about);
      standing.set(about, { what, since: known?.since ?? now(), times: (known?.times ?? 0) + 1 });
      if (known?.what !== what) say();
    },
    over(about, say) {
      const known = standing.get(about);
      if (known === undefined) return;
      standing.delete(about);
      say({ seconds: Math.round((now() - known.since) / 1_000), times: known.times });
    },
    seldom(about, count, say) {
      const { said, unsaid } = events.get(about) ?? { said: Number.NEGATIVE_INFINITY, unsaid: 0 };
      const due = now() - said >= AGAIN_MS;
      events.set(about, due ? { said: now(), unsaid: 0 } : { said, unsaid: unsaid + count });
      if (due) say(unsaid + count);
    },
  };
}
