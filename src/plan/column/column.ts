/*
 * Chooses the codec of a column from what is stored in it; where nothing is stored, from its declaration.
 *
 * A type narrower than the storage class needs both: every value fits, and the declaration or the name says so. What only
 * happens to fit today would be in quarantine tomorrow.
 */
import { typeOf } from '../codecs/registry.ts';
import { type Code, finding } from '../codes.ts';
import { translateExpression } from '../expression/translation.ts';
import type { Finding } from '../finding.ts';
import type { CodecName } from '../plan.ts';
import type { ColumnStats, SourceColumn } from '../schema.ts';
import { contradiction } from './contradiction.ts';
import { translateDefault } from './default.ts';
import { isLikely, suggestion, unitOf } from './epochs.ts';
import { commonMoment, type Habits } from './forms.ts';
import { declaresJson, declaresTime, guessed, JULIAN, saysBoolean, saysDay, saysId, saysJson, saysTime, saysUuid } from './hint.ts';
import type { Role } from './role.ts';

export type Choice = { readonly codec: CodecName; readonly reason: string; readonly findings: readonly Finding[] };

/** `plain`: nothing narrower than the storage class. `habits`: of the whole file. */
type Context = Role & { readonly plain?: boolean; readonly habits?: Habits };

export function chooseCodec(table: string, column: SourceColumn, stats: ColumnStats, role: Context): Choice {
  const total = stats.integers + stats.reals + stats.texts + stats.blobs;
  if (total === 0)
    return { codec: undecided(column, role.identifying), reason: `no values yet; declared ${declaration(column)}`, findings: [] };
  const preferred = [...(role.plain === true ? [] : narrow(column, stats, role)), ...broad(column, stats, role)];
  const why = preferred.find(([codec]) => contradiction(codec, column.affinity, stats) === undefined);
  if (why !== undefined) return { codec: why[0], reason: why[1], findings: disappointed(table, column, stats, { codec: why[0], ...role }) };
  const { code, message } = obstacle(stats);
  const reason = `${message}: tagged text keeps every byte and class`;
  return {
    codec: 'tagged',
    reason,
    findings: [
      finding(code, { table, column: column.name, message: `${sentence(message)}.`, count: standing(stats), samples: stats.samples }),
    ],
  };
}

type Preference = readonly (readonly [CodecName, string])[];

function broad({ declared, affinity }: SourceColumn, { integers, reals }: ColumnStats, role: Role): Preference {
  const fractional = FRACTIONAL.test(declared) && !role.identifying;
  const numbers: Preference = integers > 0 && !fractional ? [['integer', 'every value is an integer']] : [];
  return [
    ...numbers,
    ['number', reals > 0 ? 'integers and REALs, each exact in double precision' : `declared ${declared}: fractions may come`],
    ['integer', 'every value is an integer'],
    ['real', 'every value is a REAL'],
    ['text', 'every value is text'],
    ['blob', affinity === 'blob' ? 'every value is a BLOB' : 'every value is a BLOB, whatever its declaration says'],
  ];
}

/** What an author would have written by hand, where declaration or name and every value agree. */
function narrow(column: SourceColumn, stats: ColumnStats, { indexed, habits }: Context): Preference {
  const { declared, name } = column;
  const found: (readonly [CodecName, string])[] = [];
  const add = (codec: CodecName | undefined, reason: string): void => void (codec !== undefined && found.push([codec, reason]));
  if (saysBoolean(column)) {
    add('boolean', `declared ${declared}, and every value is 0 or 1`);
    for (const codec of Object.keys(stats.formats))
      if (codec.startsWith('boolean(')) add(codec, `declared ${declared}, and every value is one of these two`);
  }
  const moment = commonMoment(stats.formats, habits);
  if (moment !== undefined && (moment.startsWith('date') ? saysDay(column) : saysTime(column)))
    for (const form of [moment, moment.replace(/(?<!\[)\.f+/, digits => `[${digits}]`)]) // CURRENT_TIMESTAMP has no fraction
      add(form, `${declaresTime(column) ? `declared ${declared}` : `called ${name}`}, and every value is written like this`);
  for (const codec of guessed(column))
    if (codec !== JULIAN && stats.trials?.[codec]?.misfits === 0 && isLikely(codec, stats))
      add(codec, `${declaresTime(column) ? `declared ${declared}` : `called ${name}`}, and every value is such a number`);
  const unit = unitOf(stats);
  if (unit !== undefined && (declaresTime(column) || (unit.endsWith('1601') && saysTime(column))))
    add(`timestamptz(${unit})`, `${declaresTime(column) ? `declared ${declared}` : `called ${name}`}, and every value is such a number`);
  if (saysUuid(column))
    for (const codec of ['uuid(lower)', 'uuid(upper)', 'uuid(hex)', 'uuid(HEX)', 'uuid(blob)'])
      add(codec, 'every value is a UUID in this form');
  else if (saysId(column)) for (const codec of ['uuid(lower)', 'uuid(upper)']) add(codec, 'every value is a UUID in this form');
  if (saysJson(column) && !indexed && (declaresJson(column) || 'jsonb' in stats.formats))
    add('jsonb', 'every value is a JSON document; the way back brings the same JSON value, spelled as Postgres does');
  return found.filter(([codec]) => codec === 'boolean' || takesDefault(column, codec));
}

/** A row that leaves the column out would not fit otherwise. */
function takesDefault(column: SourceColumn, codec: CodecName): boolean {
  const plan = { codec, affinity: column.affinity, type: typeOf(codec) };
  const { refused } = translateDefault(column, plan);
  if (refused !== 'expression') return refused === null;
  return !('reason' in translateExpression(column.default ?? '', { columns: [], encoding: 'UTF-8' }, { kind: 'default', column: plan }));
}

/** A declaration that the values do not keep: how many stand in the way, and what they are; or one that they keep in vain. */
function disappointed(
  table: string,
  column: SourceColumn,
  stats: ColumnStats,
  { codec, indexed }: { readonly codec: CodecName; readonly indexed: boolean },
): Finding[] {
  const wanted = saysBoolean(column)
    ? ['boolean']
    : declaresTime(column)
      ? ['date', 'timestamp', 'timestamptz']
      : saysJson(column)
        ? ['jsonb']
        : [];
  const type = typeOf(codec);
  if (wanted.length === 0 || wanted.includes(type) || /^json/.test(type)) return [];
  const kinds = [...classes(stats).filter(([name]) => name !== 'text'), ...Object.entries(stats.formats)].toSorted(([, a], [, b]) => b - a);
  const { integers, reals, texts, blobs, zeroOne } = stats;
  const common = wanted[0] === 'boolean' && zeroOne > 0 ? zeroOne : (kinds[0]?.[1] ?? 0);
  const rest = integers + reals + texts + blobs - common;
  const shown = kinds.slice(0, 6).map(([name, count]) => `${count} ${name}`);
  const mixed = `because not every value has one form that can be written back: ${shown.join(', ')}`;
  const inVain = declined(column, stats, indexed);
  const message = `Declared or named as ${wanted[0]}, and stays ${type}, ${inVain ?? mixed}.`;
  const possible = suggestion(stats);
  const mends = inVain === undefined && wanted[0] === 'jsonb' && contradiction('jsonb(repaired)', column.affinity, stats) === undefined;
  const repair = mends ? ' misfits: repair, said in the plan file, would take them all.' : '';
  const offer = possible === undefined ? repair : ` Codec ${possible}, chosen in the plan file, would take them all.`;
  return [finding('mixed-formats', { table, column: column.name, message: message + offer, count: Math.max(1, rest) })];
}

/** Why `narrow` passes over a codec that every value fits; undefined where there is none. */
function declined(column: SourceColumn, stats: ColumnStats, indexed: boolean): string | undefined {
  const unit = unitOf(stats);
  const ofTime = commonMoment(stats.formats) ?? (unit === undefined ? undefined : `timestamptz(${unit})`);
  const codec = declaresTime(column)
    ? ofTime
    : saysJson(column)
      ? 'jsonb'
      : Object.keys(stats.formats).find(format => format.startsWith('boolean('));
  if (codec === undefined || contradiction(codec, column.affinity, stats) !== undefined) return undefined;
  const but = !takesDefault(column, codec)
    ? `its default ${column.default} does not`
    : codec === 'jsonb' && indexed
      ? 'an index compares it as text'
      : 'it may be given a time of day';
  return `though every value fits ${codec}: ${but}`;
}

/** DECIMAL(10,2) and the like; DECIMAL(10) and DECIMAL(10,0) are integers. */
const FRACTIONAL = /^(?:dec|num|money|curr)(?!.*\(\s*\d+\s*(?:,\s*0\s*)?\))/i;

function undecided(column: SourceColumn, identifying: boolean): CodecName {
  const { declared, affinity } = column;
  if (saysBoolean(column) && (affinity === 'numeric' || affinity === 'integer')) return 'boolean';
  if (/^bool/i.test(declared) && affinity === 'numeric') return 'integer';
  if (affinity !== 'numeric' && affinity !== 'blob') return affinity;
  if (affinity === 'blob') return /blob/i.test(declared) ? 'blob' : 'tagged';
  if (/date|time|char|uuid|guid|json|string/i.test(declared)) return 'text';
  return identifying && !/^(?:real|float|double)/i.test(declared) ? 'integer' : 'number';
}

const declaration = ({ declared }: SourceColumn): string => (declared === '' ? 'without a type' : declared);

function obstacle(stats: ColumnStats): { readonly code: Code; readonly message: string } {
  if (stats.integers + stats.reals + stats.blobs === 0)
    return { code: 'unclean-text', message: `${stats.unclean} of ${stats.texts} texts have a NUL or bytes that are not UTF-8` };
  const counts = classes(stats).map(([name, count]) => `${count} ${name}`);
  if (stats.unclean > 0) counts.push(`${stats.unclean} texts with NUL or invalid UTF-8`);
  return { code: 'mixed-classes', message: `holds several storage classes (${counts.join(', ')})` };
}

const classes = ({ integers, reals, texts, blobs }: ColumnStats): (readonly [string, number])[] =>
  (
    [
      ['integer', integers],
      ['REAL', reals],
      ['text', texts],
      ['BLOB', blobs],
    ] as const
  ).filter(([, count]) => count > 0);

/** How many values stand in the way of the commonest class's own type. */
function standing(stats: ColumnStats): number {
  const counts = classes(stats).map(([, count]) => count);
  const others = counts.reduce((sum, count) => sum + count, 0) - Math.max(...counts);
  return Math.max(1, others, stats.unclean);
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
