/*
 * Defaults for columns of narrow types. Such a value is born in Postgres: it must be one that the codec can write back, no more.
 */
import { partsOf } from '../codecs/registry.ts';
import type { ColumnPlan } from '../plan.ts';
import type { Typed } from './typed.ts';

/** The default as a value of the column's own type; undefined where the codec has no own way, or the value would not fit. */
export function fresh(value: Typed, { codec, type }: Pick<ColumnPlan, 'codec' | 'type'>): string | undefined {
  const { name, argument } = partsOf(codec);
  const { kind, sql, mask } = value;
  const cast = `(${sql})::${type}`;
  if (mask !== undefined && mask === argument) return cast;
  if (kind === 'text' && ((name === 'uuid' && argument !== 'blob') || /^jsonb?$/.test(name))) return cast;
  const [, unit = '', year = ''] = /^(s|ms|us) since (1970)$/.exec(argument) ?? [];
  if (year === '' || !(kind === 'integer' || value.integral)) return undefined;
  const divisor = { s: '', ms: ' / 1000.0', us: ' / 1000000.0' }[unit] ?? '';
  return `to_timestamp((${sql})::bigint${divisor})`;
}
