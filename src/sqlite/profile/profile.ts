/*
 * Reads every value once and counts what is there: nothing of a row is kept but the keys of a few samples.
 *
 * An application that writes meanwhile can make counts a little old, never wrong in kind: what does not fit the plan later goes
 * to quarantine.
 */
import { quote } from '../../change/quote.ts';
import type { Value } from '../../change/value.ts';
import { codecOf } from '../../plan/codec.ts';
import type { Affinity } from '../../plan/codecs/affinity.ts';
import { Unfit } from '../../plan/codecs/fit.ts';
import { isCodec } from '../../plan/codecs/registry.ts';
import { declaresTime, guessed, saysBoolean, saysJson } from '../../plan/column/hint.ts';
import { at } from '../../plan/plan.ts';
import type { ColumnStats, Profile, SourceColumn, SourceSchema, SourceTable, TableStats } from '../../plan/schema.ts';
import type { Database } from '../open.ts';
import { decoder } from '../read/values.ts';
import { added, type Counted, count, middle, storedIn, type Task } from './count.ts';
import { orphansOf } from './orphans.ts';
import { keyOfSamples, sampleKeys } from './samples.ts';
import { doubtful, type Interest, NOTHING, rangeOf, type Seen } from './tally.ts';
import { violated } from './violations.ts';

/** The codec that somebody wants for a column, whose texts are then all looked at; undefined where nobody does. */
export type Asked = (table: string, column: string) => string | undefined;

/** Somebody else who counts meanwhile. */
export type Beside = {
  begin(tasks: readonly Task[]): void;
  /** Waits for what was counted, in the order of the tasks; undefined where nothing came of it. */
  result(): readonly Counted[] | undefined;
};

/** `rows` have been read, and about `total` will be when `table` is done. */
export type OnProgress = (done: { readonly table: string; readonly rows: number; readonly total: number }) => void;

/** What the stored values of every table are. Reads only; `onProgress` is called again and again. */
export function profile(
  db: Database,
  schema: SourceSchema,
  onProgress: OnProgress = () => {},
  asked: Asked = () => undefined,
  beside?: Beside,
): Profile {
  db.function('_attacca_doubtful', { deterministic: true, directOnly: true }, text => (doubtful(text, schema.encoding) ? 1 : 0));
  db.function('_attacca_misfit', { deterministic: true, directOnly: true }, (codec, affinity, value) =>
    codecOf({ codec: codec as string, affinity: affinity as Affinity }).encode(value as Value) instanceof Unfit ? 1 : 0,
  );
  const parts = schema.tables.map(table => {
    const whole = { table, interests: storedIn(table).map(column => interestIn(column, asked(table.name, column.name))) };
    const half = beside === undefined ? undefined : middle(db, table);
    return {
      lower: { ...whole, above: null, upTo: half ?? null },
      upper: half === undefined ? undefined : { ...whole, above: half, upTo: null },
    };
  });
  const uppers = parts.flatMap(({ upper }) => upper ?? []);
  if (uppers.length > 0) beside?.begin(uppers);
  let before = 0;
  const lowers = parts.map(({ lower, upper }) => {
    const threads = upper === undefined ? 1 : 2; // the other one is as fast
    const far = (rows: number): number => before + rows * threads;
    const onRows = (rows: number, total: number) => onProgress({ table: lower.table.name, rows: far(rows), total: far(total) });
    const counted = count(db, lower, onRows);
    before = far(counted.rows);
    return counted;
  });
  const others = uppers.length > 0 ? beside?.result() : undefined;
  const counted = parts.map(({ upper }, index) => {
    const own = at(lowers, index);
    return upper === undefined ? own : added(own, others?.[uppers.indexOf(upper)] ?? count(db, upper));
  });
  return Object.fromEntries(parts.map(({ lower }, index) => [lower.table.name, statsOfTable(db, schema, lower, at(counted, index))]));
}

function interestIn(column: SourceColumn, asked: string | undefined): Interest {
  const json = saysJson(column) || /^json/.test(asked ?? '');
  return {
    json,
    formats: json || asked !== undefined || saysBoolean(column) || declaresTime(column),
    affinity: column.affinity,
    wanted: asked !== undefined && isCodec(asked) ? asked : undefined,
    guesses: guessed(column, asked),
  };
}

function statsOfTable(
  db: Database,
  schema: SourceSchema,
  { table, interests }: Pick<Task, 'table' | 'interests'>,
  { rows, columns: seen }: Counted,
): TableStats {
  const stored = storedIn(table);
  const columns = table.columns.map(column => {
    const place = stored.indexOf(column);
    const counted = column.generated
      ? { seen: NOTHING, wanted: undefined }
      : { seen: at(seen, place), wanted: at(interests, place).wanted };
    return statsOf(db, schema, table, column, { rows, ...counted });
  });
  return {
    rows,
    columns,
    nullKeys: nullKeys(db, table, columns),
    orphans: orphansOf(db, schema, table),
    violated: violated(db, schema, table),
  };
}

function statsOf(
  db: Database,
  schema: SourceSchema,
  table: SourceTable,
  column: SourceColumn,
  {
    rows,
    wanted = '',
    seen: { counts, formats, trials },
  }: { readonly rows: number; readonly wanted: string | undefined; readonly seen: Seen },
): ColumnStats {
  const { filled, integers, reals, texts, zeroOne, inexact, maxBytes, sixteens } = counts;
  const blobs = filled - integers - reals - texts;
  const unclean = counts.doubtful === 0 ? 0 : countUnclean(db, schema, table, column);
  const uuids = blobs > 0 && blobs === filled && maxBytes === 16 ? sixteens : 0;
  const samples = minorities({ integer: integers, real: reals, text: texts, blob: blobs }).flatMap(kind =>
    sampleKeys(db, table, `typeof(${quote(column.name)}) = '${kind}'`),
  );
  const unreadable = unclean > 0 && samples.length === 0 ? sampleKeys(db, table, doubtfulIn(column)) : [];
  const misfits =
    samples.length === 0 && (trials[wanted]?.misfits ?? 0) > 0
      ? sampleKeys(db, table, `_attacca_misfit(?, ?, ${quote(column.name)})`, [wanted, column.affinity])
      : [];
  return {
    name: column.name,
    nulls: column.generated ? 0 : rows - filled,
    range: rangeOf(counts),
    formats,
    ...(counts.zeros > 0 && counts.apart !== null && { apartFromZero: counts.apart }),
    trials,
    ...{ integers, reals, texts, blobs, zeroOne, inexact, unclean, uuids, maxBytes },
    samples: [...samples, ...(misfits.length > 0 ? misfits : unreadable)],
    ...(rows > filled &&
      !column.generated &&
      isRequired(table, column) && { nullSamples: sampleKeys(db, table, `${quote(column.name)} is null`) }),
  };
}

const isRequired = (table: SourceTable, { name, notNull, primaryKey }: SourceColumn): boolean =>
  notNull || primaryKey > 0 || table.indexes.some(({ unique, terms }) => unique && terms.some(({ column }) => column === name));

/** Storage classes that are there, without the commonest. */
const minorities = (counts: Readonly<Record<string, number>>): string[] =>
  Object.entries(counts)
    .filter(([, count]) => count > 0)
    .toSorted(([, a], [, b]) => b - a)
    .slice(1)
    .map(([kind]) => kind);

const doubtfulIn = ({ name }: SourceColumn): string => `typeof(${quote(name)}) = 'text' and _attacca_doubtful(${quote(name)})`;

/** U+FFFD may be what the application wrote: only the bytes tell. */
function countUnclean(db: Database, { encoding }: SourceSchema, table: SourceTable, column: SourceColumn): number {
  const query = `select cast(${quote(column.name)} as blob) from ${quote(table.name)} where ${doubtfulIn(column)}`;
  const decode = decoder(encoding);
  let count = 0;
  for (const bytes of db.prepare<[], Uint8Array>(query).pluck().iterate()) {
    const text = decode(bytes);
    if (typeof text !== 'string' || text.includes('\0')) count++;
  }
  return count;
}

/** Rows whose key holds a NULL, for the primary key and every plain unique index whose columns hold some. */
function nullKeys(db: Database, table: SourceTable, stats: readonly ColumnStats[]): Record<string, number> {
  const nullable = new Set(table.columns.filter((_, index) => (stats[index]?.nulls ?? 0) > 0).map(column => column.name));
  const uniques = table.indexes.filter(index => index.unique && index.where === null && index.terms.every(term => term.column !== null));
  const keys: [string, readonly string[]][] = uniques.map(index => [index.name, index.terms.flatMap(term => term.column ?? [])]);
  return Object.fromEntries(
    [['', keyOfSamples(table)] as [string, readonly string[]], ...keys].map(([name, columns]) => {
      const open = columns.filter(column => nullable.has(column)).map(column => `${quote(column)} is null`);
      if (open.length === 0) return [name, 0];
      const count = db
        .prepare<[], bigint>(`select count(*) from ${quote(table.name)} where ${open.join(' or ')}`)
        .pluck()
        .get();
      return [name, Number(count)];
    }),
  );
}
