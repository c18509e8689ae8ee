/*
 * Both sides in memory, behind the ports of src/change/ports.ts: rows as they travel, marks, states that stand still. They
 * obey the contract as the databases do (sqlite/journal/state.ts, postgres/compare/state.ts, postgres/apply/apply.ts), so that what is pure can be
 * tried by the thousand.
 */
import type { Mark, Misfit, PgKey, PgRow, Rows, Seq, Slice } from '../../src/change/change.ts';
import type { SourceState, TargetState } from '../../src/change/ports.ts';
import { keyName } from '../../src/plan/codec.ts';
import type { ColumnPlan, Plan, TablePlan } from '../../src/plan/plan.ts';

const column = (name: string, type: ColumnPlan['type'], codec: ColumnPlan['codec'], affinity: ColumnPlan['affinity']): ColumnPlan => ({
  name,
  target: name,
  type,
  codec,
  affinity,
  notNull: false,
  default: null,
  reason: 'test',
});

const table = (id: number, name: string, key: TablePlan['key'], columns: ColumnPlan[]): TablePlan => ({
  id,
  name,
  target: name,
  withoutRowid: false,
  rowid: 'rowid',
  key,
  identity: key.kind === 'rowid' ? 0 : null,
  autoincrement: false,
  columns,
  indexes: [],
  foreignKeys: [],
});

export const ITEM = table(1, 'item', { kind: 'rowid', columns: [0] }, [
  column('id', 'bigint', 'integer', 'integer'),
  column('name', 'text', 'text', 'text'),
  column('price', 'double precision', 'real', 'real'),
]);

/** The key is not in column order. */
export const PAIR = table(2, 'pair', { kind: 'declared', columns: [2, 1] }, [
  column('note', 'text', 'tagged', 'blob'),
  column('b', 'bigint', 'integer', 'integer'),
  column('a', 'text', 'text', 'text'),
]);

export const PLAN: Plan = { version: 1, schema: 'public', encoding: 'UTF-8', tables: [ITEM, PAIR] };

const keyOf = (table: TablePlan, row: PgRow): PgKey => table.key.columns.map(index => row[index] ?? null);
export const nameOf = (table: TablePlan, row: PgRow): string => keyName(table, keyOf(table, row));
/** Untagged: enough for the integers and texts that are keys here. */
const keyFrom = (name: string): PgKey => (JSON.parse(name) as string[]).map(tagged => tagged.slice(2));

/** A row that cannot cross: it stands in SQLite, by its name. */
export const misfit = (table: TablePlan, key: PgKey): Misfit => ({
  key: keyName(table, key),
  target: key,
  column: table.columns.at(-1)?.name ?? '',
  reason: 'test',
  raw: null,
});

type ByName<T> = Map<string, T>;
const isMisfit = (row: PgRow | Misfit): row is Misfit => !Array.isArray(row);
const digestOf = (rows: readonly PgRow[]): string => JSON.stringify(rows);
const copied = <T>(tables: Map<number, ByName<T>>): Map<number, ByName<T>> => new Map([...tables].map(([id, rows]) => [id, new Map(rows)]));
const sorted = (names: Iterable<string>): string[] => [...names].sort();
const empty = <T>(): Map<number, ByName<T>> => new Map(PLAN.tables.map(({ id }) => [id, new Map()]));

export const markOf = (seq: number | bigint): Mark => ({ seq: BigInt(seq) as Seq, nonce: BigInt(seq) * 7n });

export function memorySource() {
  const tables = empty<PgRow | Misfit>();
  const marks: { readonly table: TablePlan; readonly name: string }[] = [];
  const mark = (table: TablePlan, name: string): void => void marks.push({ table, name });
  return {
    tables,
    get head(): Mark {
      return markOf(marks.length);
    },
    mark,
    put(table: TablePlan, row: PgRow): void {
      tables.get(table.id)!.set(nameOf(table, row), row);
      mark(table, nameOf(table, row));
    },
    putMisfit(table: TablePlan, key: PgKey): void {
      tables.get(table.id)!.set(keyName(table, key), misfit(table, key));
      mark(table, keyName(table, key));
    },
    remove(table: TablePlan, key: PgKey): void {
      if (tables.get(table.id)!.delete(keyName(table, key))) mark(table, keyName(table, key));
    },
    /** `limit` bounds every chunk, so that small tables have several. */
    state: (limit = 3): SourceState => stateOf(copied(tables), marks.slice(), limit),
  };
}
export type MemorySource = ReturnType<typeof memorySource>;

function stateOf(
  tables: Map<number, ByName<PgRow | Misfit>>,
  marks: readonly { readonly table: TablePlan; readonly name: string }[],
  most: number,
): SourceState {
  return {
    position: markOf(marks.length),
    chunk(id, cursor, limit) {
      const there = tables.get(id)!;
      const left = sorted(there.keys()).filter(name => cursor === null || name > cursor);
      const names = left.slice(0, Math.min(limit, most));
      const rows = names.map(name => there.get(name)!);
      return {
        rows: rows.filter(row => !isMisfit(row)) as PgRow[],
        misfits: rows.filter(isMisfit),
        cursor: names.length < left.length ? (names.at(-1) ?? null) : null,
      };
    },
    stretch(id, cursor, limit) {
      if (id !== ITEM.id) return undefined; // it has a column without a digest
      const there = tables.get(id)!;
      const left = sorted(there.keys()).filter(name => cursor === null || name > cursor);
      const names = left.slice(0, Math.min(limit, most));
      const rows = names.map(name => there.get(name)!);
      const text = digestOf(rows.map(row => (isMisfit(row) ? ['?'] : row)));
      return {
        rows: rows.length,
        bytes: text.length,
        digest: text,
        keys: names.map(keyFrom),
        cursor: names.length < left.length ? (names.at(-1) ?? null) : null,
      };
    },
    marked: after => markedRows(tables, marks.slice(Number(after))),
    changed: after => markedRows(tables, marks.slice(Number(after))),
    named: (id, names) =>
      markedRows(
        tables,
        names.map(name => ({ table: PLAN.tables[id - 1]!, name })),
      ),
    count: id => tables.get(id)!.size,
    absent: (id, keys) => keys.filter(key => !tables.get(id)!.has(keyName(PLAN.tables[id - 1]!, key))),
    close: () => undefined,
  };
}

function markedRows(
  tables: Map<number, ByName<PgRow | Misfit>>,
  marks: readonly { readonly table: TablePlan; readonly name: string }[],
): Rows {
  const slices = PLAN.tables.map((table): Slice => {
    const names = [...new Set(marks.filter(mark => mark.table === table).map(({ name }) => name))];
    const there = tables.get(table.id)!;
    const rows = names.map(name => there.get(name)).filter(row => row !== undefined);
    return {
      table: table.id,
      rows: rows.filter(row => !isMisfit(row)) as PgRow[],
      gone: names.filter(name => !there.has(name)).map(keyFrom),
      misfits: rows.filter(isMisfit),
    };
  });
  const size = slices.reduce((sum, { rows, gone, misfits }) => sum + rows.length + gone.length + misfits.length, 0);
  return { marks: marks.length, size, replaced: [], slices: () => slices };
}

export function memoryTarget() {
  const tables = empty<PgRow>();
  const quarantine = new Map(PLAN.tables.map(({ id }) => [id, new Set<string>()]));
  return {
    tables,
    quarantine,
    async apply(changes: Rows): Promise<void> {
      for await (const { table: id, rows, gone, misfits } of changes.slices()) {
        const table = PLAN.tables[id - 1]!;
        for (const key of [...gone, ...misfits.flatMap(({ target }) => (target === undefined ? [] : [target]))])
          tables.get(id)!.delete(keyName(table, key));
        for (const key of gone) quarantine.get(id)!.delete(keyName(table, key));
        for (const { key } of misfits) quarantine.get(id)!.add(key);
        for (const row of rows) {
          tables.get(id)!.set(nameOf(table, row), row);
          quarantine.get(id)!.delete(nameOf(table, row));
        }
      }
    },
    state(): TargetState {
      const still = copied(tables);
      const held = new Map([...quarantine].map(([id, names]) => [id, new Set(names)]));
      return {
        lsn: '0/1',
        rows: async (id, keys) => keys.map(key => still.get(id)!.get(keyName(PLAN.tables[id - 1]!, key))).filter(row => row !== undefined),
        async digest(id, keys) {
          if ('after' in keys) throw new RangeError('this source names every key');
          return digestOf(keys.map(key => still.get(id)!.get(keyName(PLAN.tables[id - 1]!, key)) ?? ['missing']));
        },
        async keys(id, after, limit) {
          const table = PLAN.tables[id - 1]!;
          const from = after === null ? '' : keyName(table, after);
          const names = sorted(still.get(id)!.keys()).filter(name => name > from);
          return names.slice(0, Math.min(limit, 3)).map(name => keyOf(table, still.get(id)!.get(name)!));
        },
        count: async id => still.get(id)!.size,
        quarantined: async id => held.get(id)!,
        suspended: async () => new Set<number>(),
        close: async () => undefined,
      };
    },
  };
}
export type MemoryTarget = ReturnType<typeof memoryTarget>;
