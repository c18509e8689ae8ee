/*
 * How far the checkpoint is behind the head, in changes and as the age of the oldest change not yet applied. Pure: the caller
 * brings positions and clocks. The journal holds no timestamps, so an age counts from when a head was first seen.
 */

export type Lag = { readonly changes: bigint; readonly ms: number };

type Seen = { readonly position: bigint; readonly at: number };

export type LagTracker = {
  /** A committed head was seen at `now` (ms). */
  seen(position: bigint, now: number): void;
  /** Everything up to `position` is applied. */
  applied(position: bigint): void;
  lag(now: number): Lag;
};

/** At most this many heads are remembered; beyond that new ones join the newest, which can only make the age older, never younger. */
const REMEMBERED = 1_000;

export function lagTracker(checkpoint: bigint): LagTracker {
  let head = checkpoint;
  let done = checkpoint;
  let pending: Seen[] = [];
  return {
    seen(position, now) {
      if (position <= head) return;
      head = position;
      const last = pending.at(-1);
      if (last !== undefined && pending.length >= REMEMBERED) pending[pending.length - 1] = { position, at: last.at };
      else pending.push({ position, at: now });
    },
    applied(position) {
      if (position > done) done = position;
      if (position > head) head = position;
      pending = pending.filter(seen => seen.position > done);
    },
    lag(now) {
      const oldest = pending[0];
      return { changes: head - done, ms: oldest === undefined ? 0 : Math.max(0, now - oldest.at) };
    },
  };
}
