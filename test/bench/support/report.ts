import { styleText } from 'node:util';

/** One line of the table. */
export type Line = {
  readonly measure: string;
  readonly what: string;
  /** What is to be reached; '' where a number only stands beside the others. */
  readonly reach: string;
  readonly measured: string;
  /** The numbers behind `measured`, for machines. */
  readonly numbers: Readonly<Record<string, number>>;
};

/** The middle one; of an even count the lower of the two. */
export const median = (values: readonly number[]): number => percentile(values, 50);

/** Nearest rank; 0 for no values. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? 0;
}

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits));
export const seconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} s`;
export const times = (value: number): string => `${value.toFixed(2)}x`;
export const count = (value: number): string => Math.round(value).toLocaleString('en-US');

/** The table as text, one line each. */
export function table(lines: readonly Line[]): string {
  const rows = [{ measure: 'measure', what: '', reach: 'reach', measured: 'measured' }, ...lines];
  const width = (pick: (row: (typeof rows)[number]) => string): number => Math.max(...rows.map(row => pick(row).length));
  const [first, second, third] = [width(row => row.measure), width(row => row.what), width(row => row.reach)];
  return rows
    .map(({ measure, what, reach, measured }, index) => {
      const line = `${measure.padEnd(first)}  ${what.padEnd(second)}  ${reach.padEnd(third)}  ${measured}`;
      return index === 0 ? styleText('bold', line) : line;
    })
    .join('\n');
}
