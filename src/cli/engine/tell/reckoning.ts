/** How far work is that copies or compares rows, as logs and progress say it. */
export type Reckoning = { readonly rows: number; readonly total: number; readonly rowsPerSecond: number; readonly etaSeconds: number };

/** `rows` of about `total` have taken `ms`. */
export function reckon(rows: number, total: number, ms: number): Reckoning {
  const perSecond = (rows * 1_000) / Math.max(1, ms);
  const all = Math.max(rows, total);
  return { rows, total: all, rowsPerSecond: Math.round(perSecond), etaSeconds: Math.ceil((all - rows) / Math.max(1, perSecond)) };
}

export const inWords = ({ rows, total, rowsPerSecond, etaSeconds }: Reckoning): string =>
  `${rows} of ${total} rows, ${rowsPerSecond} rows/s, ${etaSeconds} s left`;

export const shareOf = ({ rows, total }: Pick<Reckoning, 'rows' | 'total'>): number => rows / Math.max(1, total);
