import type { Progress } from '../../../server/operations.ts';

/** How far work is that reads, copies or compares rows, as logs and progress say it. `total` is an estimate. */
export type Reckoning = { readonly rows: number; readonly total: number; readonly rowsPerSecond: number; readonly etaSeconds: number };

/** `table`: the one the work is at; `unit`: what is counted, where that is not rows. */
export type Far = Reckoning & { readonly table: string; readonly unit?: string };

const EVERY_MS = 1_000;
/** pino's number. */
const WARN = 40;

/** Tells how far work is that begins now: at most once a second, whenever it is heard of. */
export function onceASecond(tell: (far: Far) => void): (done: Pick<Far, 'table' | 'rows' | 'total' | 'unit'>) => void {
  const began = performance.now();
  let told = began;
  return ({ rows, total, ...at }) => {
    const now = performance.now();
    if (now - told < EVERY_MS) return;
    told = now;
    tell({ ...at, ...reckon(rows, total, now - began) });
  };
}

/** `rows` of about `total` have taken `ms`. */
export function reckon(rows: number, total: number, ms: number): Reckoning {
  const perSecond = (rows * 1_000) / Math.max(1, ms);
  const all = Math.max(rows, total);
  return { rows, total: all, rowsPerSecond: Math.round(perSecond), etaSeconds: Math.ceil((all - rows) / Math.max(1, perSecond)) };
}

/** Says it to a person; `doing`: "comparing". */
export const saying =
  (say: Progress, doing: string) =>
  ({ table, rows, total, rowsPerSecond, etaSeconds, unit = 'rows' }: Far): void =>
    say(`${doing} ${table}: ${rows} of ${total} ${unit}, ${rowsPerSecond} ${unit}/s, ${etaSeconds} s left`, rows / Math.max(1, total));

/** What of a log is for a person who waits: how far it is, phases, and what went wrong; findings have their own place. */
export const retelling =
  (say: Progress) =>
  (line: Readonly<Record<string, unknown>>): void => {
    if (line.etaSeconds !== undefined) saying(say, String(line.msg))(line as unknown as Far);
    else if (line.msg === 'phase changed') say(`${line.from} → ${line.to}`);
    else if (Number(line.level) >= WARN && line.code === undefined) say(String(line.msg));
  };
