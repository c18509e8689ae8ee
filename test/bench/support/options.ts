import { parseArgs } from 'node:util';

/** Names of the measures, in the order in which they run. */
export const MEASURES = [
  'snapshot',
  'scale',
  'verify',
  'capture',
  'replay',
  'sustained',
  'latency',
  'neighbour',
  'locks',
  'mirror',
  'client',
] as const;
export type Measure = (typeof MEASURES)[number];

export type Options = {
  readonly measures: readonly Measure[];
  /** Rows of the application's file. */
  readonly rows: number;
  /** Changed rows that wait when replay starts. */
  readonly backlog: number;
  /** How often everything is repeated that is not a run of its own length; the median is shown. */
  readonly runs: number;
  /** How long the fastest writer writes; the other runs with a clock take a quarter of it. */
  readonly seconds: number;
  /** Also ten million rows. */
  readonly full: boolean;
  /** The application's JSON is declared so, and becomes jsonb. */
  readonly documents: boolean;
  readonly json: boolean;
};

const USAGE = `npm run bench -- [${MEASURES.join('] [')}] [--rows 1600000] [--backlog 500000] [--runs 3] [--seconds 60] [--full] [--documents] [--json]`;

/** Throws a TypeError that says what is wrong with the words. */
export function parseOptions(words: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      rows: { type: 'string', default: '1600000' },
      backlog: { type: 'string', default: '500000' },
      runs: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '60' },
      full: { type: 'boolean', default: false },
      documents: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const measures = positionals.map(name => {
    const measure = MEASURES.find(known => known === name);
    if (measure === undefined) throw new TypeError(`there is no measure ${name}; usage: ${USAGE}`);
    return measure;
  });
  return {
    measures: measures.length === 0 ? MEASURES : measures,
    rows: whole('rows', values.rows),
    backlog: whole('backlog', values.backlog),
    runs: whole('runs', values.runs),
    seconds: whole('seconds', values.seconds),
    full: values.full,
    documents: values.documents,
    json: values.json,
  };
}

function whole(name: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new TypeError(`--${name} must be a whole number above 0; usage: ${USAGE}`);
  return Number(text);
}
