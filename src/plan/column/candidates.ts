/*
 * Which codecs could bring a column's values into a type that is given.
 */
import { INTERVALS, isCodec, TIMES } from '../codecs/registry.ts';
import type { CodecName } from '../plan.ts';
import type { ColumnStats, SourceColumn } from '../schema.ts';
import { contradiction } from './contradiction.ts';
import { unitsIn } from './epochs.ts';
import { type Habits, likeliest, momentForms } from './forms.ts';

const FIXED: Readonly<Record<string, readonly CodecName[]>> = {
  smallint: ['integer'],
  integer: ['integer'],
  bigint: ['integer'],
  real: ['real', 'number'],
  'double precision': ['real', 'number'],
  numeric: ['decimal', 'numeric'],
  text: ['text'],
  'character varying': ['text'],
  character: ['text'],
  citext: ['text'],
  enum: ['text'],
  bytea: ['blob'],
  json: ['json'],
  jsonb: ['jsonb'],
  'time without time zone': TIMES,
  interval: INTERVALS.slice(0, 1),
  inet: ['inet'],
};

const MOMENTS: Readonly<Record<string, string>> = {
  date: 'date',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamptz',
};

/** Codecs whose type the base type of a column can hold, the likeliest first; empty for a type that has none. */
export function candidates(base: string, column: SourceColumn, stats: ColumnStats, habits: Habits): CodecName[] {
  const bare = base.replace(/\(.*?\)/, '');
  const moment = MOMENTS[bare];
  if (moment !== undefined) return moments(moment, column, stats, habits);
  if (bare === 'boolean')
    return ['boolean', ...Object.keys(stats.formats).filter(format => format.startsWith('boolean(')), 'boolean(true/false)'];
  if (bare === 'uuid') return uuids(column);
  return [...(FIXED[bare] ?? [])];
}

function uuids({ affinity, declared }: SourceColumn): CodecName[] {
  const all = ['uuid(lower)', 'uuid(hex)', 'uuid(upper)', 'uuid(HEX)', 'uuid(blob)'];
  const first = affinity === 'blob' && /blob|binary|^$/i.test(declared) ? 'uuid(blob)' : /32/.test(declared) ? 'uuid(hex)' : 'uuid(lower)';
  return [first, ...all.filter(codec => codec !== first)];
}

function moments(type: string, column: SourceColumn, stats: ColumnStats, habits: Habits): CodecName[] {
  const forms = [...new Set([...momentForms(stats.formats).keys(), ...habits.keys(), USUAL, 'YYYY-MM-DD'])];
  const texts = likeliest(forms, stats.formats, habits)
    .map(form => `${type}(${form})`)
    .filter(isCodec);
  if (type === 'date') return texts;
  const epochs = unitsIn(stats.range).map(unit => `${type}(${unit})`);
  return stats.integers > 0 || /^(?:big)?int/i.test(column.declared) ? [...epochs, ...texts] : [...texts, ...epochs];
}

const USUAL = 'YYYY-MM-DD hh:mm:ss';

export type Tried =
  | { readonly codec: CodecName; readonly why?: undefined }
  /** `why`: what rules out the likeliest. */
  | { readonly codec?: undefined; readonly why: string };

const FORMED: ReadonlySet<string> = new Set(['json', 'jsonb', 'boolean', 'uuid', 'numeric', 'interval', 'inet']);

/** What stands for the codecs of a type whose texts have a form. */
export function formed(base: string): CodecName | undefined {
  const bare = base.replace(/\(.*?\)/, '');
  if (bare === 'time without time zone') return 'time';
  return MOMENTS[bare] ?? (FORMED.has(bare) ? bare : undefined);
}

/** The first codec that the stored values do not contradict. */
export function tryCodecs(wanted: readonly CodecName[], column: SourceColumn, stats: ColumnStats): Tried {
  let why: string | undefined;
  for (const codec of wanted) {
    const against = contradiction(codec, column.affinity, stats);
    if (against === undefined) return { codec };
    why ??= against;
  }
  return { why: why ?? 'attacca has no codec for it' };
}
