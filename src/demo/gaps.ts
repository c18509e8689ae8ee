/** The p-th percentile (0 to 100) of unordered values, by the nearest rank; NaN of none. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** When a switch began and ended, on the clock of the acknowledgements (ms since 1970). */
export type Window = { readonly from: number; readonly to: number };

export type WriteGaps = { readonly perWriter: readonly number[]; readonly p50: number; readonly max: number };

/**
 * How long each writer went without an acknowledged write around a switch, in ms: its longest interval between two
 * consecutive ones that touches the window, less its normal pace. `acknowledged` has the times of each writer, ascending.
 */
export function writeGaps(acknowledged: readonly (readonly number[])[], window: Window): WriteGaps {
  const perWriter = acknowledged.map(times => {
    const intervals = times.slice(1).map((time, index) => ({ from: times[index] ?? time, to: time }));
    const pace = percentile(
      intervals.map(({ from, to }) => to - from),
      50,
    );
    const around = intervals.filter(({ from, to }) => to >= window.from && from <= window.to).map(({ from, to }) => to - from);
    return Math.max(0, ...around.map(length => length - pace));
  });
  return { perWriter, p50: percentile(perWriter, 50), max: Math.max(...perWriter) };
}
