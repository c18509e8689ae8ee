/*
 * Columns that foreign keys tie together get one codec, or Postgres could not compare them: a child without rows follows its
 * parent, and where a parent's narrow codec does not fit a child, both keep the plain one.
 */
import type { CodecName, TablePlan } from '../plan.ts';
import { type ColumnStats, type Profile, referenced, type SourceColumn, type SourceTable } from '../schema.ts';
import { chooseCodec } from './column.ts';
import { contradiction } from './contradiction.ts';
import { type Roles, rolesOf } from './role.ts';

/** By `memberName`: the codec that a column must have for the sake of others. */
export type Agreed = ReadonlyMap<string, CodecName>;

export const memberName = (table: string, column: string): string => JSON.stringify([table.toLowerCase(), column.toLowerCase()]);

/** Each is what its storage class says, and comes in one spelling only. */
const PLAIN: ReadonlySet<CodecName> = new Set(['integer', 'real', 'number', 'text', 'blob', 'boolean']);

/** Whether equal values of two columns are equal in Postgres too. */
export const compatible = (a: CodecName, b: CodecName): boolean => a === b || (PLAIN.has(a) && PLAIN.has(b));

type Member = {
  readonly id: string;
  readonly table: SourceTable;
  readonly column: SourceColumn;
  readonly stats: ColumnStats;
  readonly roles: Roles;
  readonly codec: CodecName;
};

/** `referenced`: as rolesOf takes it. */
export function agreedCodecs(tables: readonly SourceTable[], profile: Profile, referenced: ReadonlySet<string>): Agreed {
  const members = membersOf(tables, profile, referenced);
  const agreed = new Map<string, CodecName>();
  for (const group of groupsOf(tables, members)) {
    if (group.every(({ codec }) => compatible(codec, group[0]?.codec ?? codec))) continue;
    for (const [id, codec] of settle(group)) agreed.set(id, codec);
  }
  return agreed;
}

/** What the columns of new children should have for the sake of their parents, whose codecs stay as they are. */
export function parentCodecs(tables: readonly SourceTable[], planned: readonly TablePlan[]): Agreed {
  const known = new Map(planned.flatMap(({ name, columns }) => columns.map(column => [memberName(name, column.name), column.codec])));
  const links = tables.flatMap(table => pairs(table, tables));
  return new Map(
    links.flatMap(([child, parent]) => {
      const codec = known.get(parent);
      return codec === undefined || PLAIN.has(codec) ? [] : [[child, codec] as const];
    }),
  );
}

function settle(group: readonly Member[]): (readonly [string, CodecName])[] {
  const narrow = group.map(({ codec }) => codec).filter(codec => codec !== 'tagged' && !PLAIN.has(codec));
  const common = narrow.find(codec => group.every(({ column, stats }) => contradiction(codec, column.affinity, stats) === undefined));
  if (common !== undefined) return group.map(({ id }) => [id, common]);
  return group
    .filter(({ codec }) => narrow.includes(codec))
    .map(({ id, table, column, stats, roles }) => [
      id,
      chooseCodec(table.name, column, stats, { ...roles(column.name), plain: true }).codec,
    ]);
}

function membersOf(tables: readonly SourceTable[], profile: Profile, referenced: ReadonlySet<string>): ReadonlyMap<string, Member> {
  const members = new Map<string, Member>();
  for (const table of tables) {
    const roles = rolesOf(table, referenced);
    for (const [place, column] of table.columns.entries()) {
      const stats = profile[table.name]?.columns[place];
      if (stats === undefined || column.generated || !roles(column.name).identifying) continue;
      const id = memberName(table.name, column.name);
      members.set(id, { id, table, column, stats, roles, codec: chooseCodec(table.name, column, stats, roles(column.name)).codec });
    }
  }
  return members;
}

/** Columns that foreign keys tie together, however many steps away. */
function groupsOf(tables: readonly SourceTable[], members: ReadonlyMap<string, Member>): Member[][] {
  const groups = new Map<string, Member[]>();
  for (const [child, parent] of tables.flatMap(table => pairs(table, tables))) {
    const both = [child, parent].flatMap(id => groups.get(id) ?? members.get(id) ?? []);
    const united = [...new Set(both)];
    for (const { id } of united) groups.set(id, united);
  }
  return [...new Set(groups.values())];
}

function pairs(table: SourceTable, tables: readonly SourceTable[]): (readonly [string, string])[] {
  return table.foreignKeys.flatMap(key => {
    const parent = tables.find(({ name }) => name.toLowerCase() === key.parent.toLowerCase());
    if (parent === undefined) return [];
    const columns = referenced(key, parent);
    return key.columns.flatMap((column, place) => {
      const other = columns[place];
      return other === undefined ? [] : [[memberName(table.name, column), memberName(parent.name, other)] as const];
    });
  });
}
