/*
 * FROM. A comma and a JOIN bind alike in SQLite; in Postgres a comma binds looser, so it becomes CROSS JOIN.
 */
import { quote } from '../../change/quote.ts';
import type { FromItem, Select } from './ast.ts';
import { compare } from './compare.ts';
import { Refusal } from './refusal.ts';
import type { Scope } from './scope.ts';
import { translateCondition } from './translate.ts';
import type { Typed } from './typed.ts';

export type Field = { readonly name: string; readonly value: Typed };

/**
 * A table or view that can stand in FROM: the fields' `sql` is their quoted name. `rowid`: what `rowid` means there; `key`: columns of its
 * primary key, on which all others depend.
 */
export type Source = {
  readonly sql: string;
  readonly fields: readonly Field[];
  readonly rowid?: Field;
  readonly key?: readonly Field[];
  /** It has columns that the plan leaves out: `*` would mean fewer. */
  readonly partial?: boolean;
};
/** By lower-case name. */
export type Sources = ReadonlyMap<string, Source>;

/** A member of FROM under its alias: the fields' `sql` is qualified by it. */
export type Relation = Omit<Source, 'sql'> & { readonly alias: string };

type Context = {
  readonly sources: Sources;
  scopeOf(relations: readonly Relation[]): Scope;
  select(select: Select): { readonly sql: string; readonly fields: readonly Field[] };
};

type From = { readonly sql: string; readonly relations: readonly Relation[]; readonly merged: ReadonlySet<string> };

/** `merged`: lower-case names of the columns that USING or NATURAL join. Throws Refusal. */
export function fromSql(items: readonly FromItem[], context: Context): From {
  let sql = '';
  const relations: Relation[] = [];
  const merged = new Set<string>();
  for (const [place, item] of items.entries()) {
    const member = memberSql(item, place, context);
    const shared = sharedNames(item, relations, member.relations);
    if (shared.length > 0 && (item.join === 'right' || item.join === 'full')) throw new Refusal('it joins USING from the right side');
    const conditions = shared.map(name => equal(name, relations, member.relations, context));
    for (const name of shared) merged.add(name);
    for (const name of member.merged) merged.add(name);
    relations.push(...member.relations);
    if (item.on !== null) conditions.push(translateCondition(item.on, context.scopeOf(relations)));
    if (place === 0) sql = member.sql;
    else sql += joined(item.join, member.sql, conditions);
  }
  return { sql, relations, merged };
}

function joined(join: FromItem['join'], member: string, conditions: readonly string[]): string {
  const inner = join === 'inner' || join === 'cross';
  if (inner && conditions.length === 0) return ` cross join ${member}`;
  return ` ${inner ? '' : `${join} `}join ${member} on ${conditions.length === 0 ? 'true' : conditions.join(' and ')}`;
}

/** A subquery without alias is called by its `place`: Postgres before 16 wants a name. */
function memberSql({ source, alias }: FromItem, place: number, context: Context): From {
  const none = new Set<string>();
  if (source.kind === 'function') throw new Refusal(`it reads the table-valued function ${source.name}`);
  if (source.kind === 'group') {
    const { sql, relations, merged } = fromSql(source.items, context);
    return { sql: source.items.length === 1 ? sql : `(${sql})`, relations, merged };
  }
  if (source.kind === 'table') {
    const found = context.sources.get(source.name.toLowerCase());
    if (found === undefined) throw new Refusal(`it reads ${source.name}, which the plan does not have`);
    const name = alias ?? source.name;
    return { sql: `${found.sql} as ${quote(name)}`, relations: [relation(name, found)], merged: none };
  }
  const { sql, fields } = context.select(source.select);
  const name = alias ?? `_${place}`;
  return { sql: `(${sql}) as ${quote(name)}`, relations: [relation(name, { fields })], merged: none };
}

function relation(alias: string, { fields, rowid, key, partial }: Omit<Source, 'sql'>): Relation {
  const qualified = (field: Field): Field => ({ ...field, value: { ...field.value, sql: `${quote(alias)}.${field.value.sql}` } });
  return {
    alias,
    fields: fields.map(qualified),
    ...(partial && { partial }),
    ...(rowid !== undefined && { rowid: qualified(rowid) }),
    ...(key !== undefined && { key: key.map(qualified) }),
  };
}

const fieldOf = (relations: readonly Relation[], name: string): Field | undefined =>
  relations.flatMap(({ fields }) => fields).find(field => field.name.toLowerCase() === name);

function sharedNames({ natural, using }: FromItem, left: readonly Relation[], right: readonly Relation[]): string[] {
  if (!natural) return using.map(name => name.toLowerCase());
  const names = right.flatMap(({ fields }) => fields.map(({ name }) => name.toLowerCase()));
  return [...new Set(names)].filter(name => fieldOf(left, name) !== undefined);
}

function equal(name: string, left: readonly Relation[], right: readonly Relation[], context: Context): string {
  const [a, b] = [fieldOf(left, name), fieldOf(right, name)];
  if (a === undefined || b === undefined) throw new Refusal(`it joins USING ${name}, which one side does not have`);
  return compare('=', a.value, b.value, context.scopeOf([...left, ...right]));
}
