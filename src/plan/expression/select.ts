/*
 * SELECT. Every result column gets the name that SQLite gives it, `*` is written out (the hidden rowid is none of the application's).
 */
import { quote } from '../../change/quote.ts';
import { groupTerm, orderTerm, windowSql } from './aggregate.ts';
import type { Expression, OrderTerm, ResultColumn, Select, SelectPart } from './ast.ts';
import { unify } from './convert.ts';
import { type Field, fromSql, type Relation, type Sources } from './from.ts';
import { beginning, mentions } from './recursive.ts';
import { Refusal } from './refusal.ts';
import { output, outputType, unique } from './results.ts';
import type { Scope } from './scope.ts';
import { translate, translateCondition } from './translate.ts';
import type { Typed } from './typed.ts';

/** What a SELECT finds around it: tables by lower-case name, and the scope of the query that it stands in. */
export type Around = { readonly sources: Sources; readonly outer: Scope | null; readonly base: Pick<Scope, 'uses' | 'encoding'> };

export type Selected = { readonly sql: string; readonly fields: readonly Field[] };

/** A SELECT in Postgres's SQL and the columns that it gives. Throws Refusal. */
export function selectSql(select: Select, around: Around): Selected {
  const withs: string[] = [];
  let recursive = '';
  const sources = new Map(around.sources);
  for (const { name, columns, select: inner } of select.ctes) {
    const called = (fields: readonly Field[]): Field[] =>
      fields.map((field, place) => {
        const own = columns[place] ?? field.name;
        return { name: own, value: { ...field.value, sql: quote(own) } };
      });
    if (select.recursive && mentions(inner, name)) {
      recursive = 'recursive ';
      const { fields: first } = selectSql(beginning(inner, name), { ...around, sources });
      sources.set(name.toLowerCase(), { sql: quote(name), fields: called(first) });
    }
    const { sql, fields } = selectSql(inner, { ...around, sources });
    const named = called(fields);
    sources.set(name.toLowerCase(), { sql: quote(name), fields: named });
    withs.push(`${quote(name)} (${named.map(field => quote(field.name)).join(', ')}) as (${sql})`);
  }
  const body = bodySql(select, { ...around, sources });
  return { sql: `${withs.length === 0 ? '' : `with ${recursive}${withs.join(', ')} `}${body.sql}`, fields: body.fields };
}

function bodySql(select: Select, around: Around): Selected {
  const [first, ...more] = select.parts;
  if (first === undefined) throw new Refusal('it selects nothing');
  const limits = `${limit('limit', select.limit)}${limit('offset', select.offset)}`;
  const one = partSql(first, around);
  if (more.length === 0 && !first.distinct) return { sql: `${one.sql}${one.order(select.orderBy)}${limits}`, fields: one.fields };
  const compound = more.length === 0 ? one : compoundSql(one, more, around);
  if (select.orderBy.length === 0) return { sql: `${compound.sql}${limits}`, fields: compound.fields };
  const terms = select.orderBy.map(term => orderTerm(outputColumn(term.by, compound.fields), term, scopeOf(around, [])));
  return { sql: `select * from (${compound.sql}) "_" order by ${terms.join(', ')}${limits}`, fields: compound.fields };
}

function compoundSql(one: Selected, more: readonly SelectPart[], around: Around): Selected {
  const parts = [one, ...more.map(part => partSql(part, around))];
  if (parts.some(({ fields }) => fields.length !== one.fields.length)) throw new Refusal('its parts have different widths');
  const fields = one.fields.map((field, place) => {
    const values = parts.flatMap(part => part.fields[place]?.value ?? []);
    const kinds = new Set(values.map(({ kind }) => kind).filter(kind => kind !== 'null'));
    const [kind = 'null' as const] = kinds;
    if (kinds.size > 1) throw new Refusal('a column of it has several classes');
    if (more.some(({ join }) => join !== 'union all')) groupTerm({ ...field.value, kind });
    return { ...field, value: { ...field.value, kind } };
  });
  // SQLite joins from left to right; in Postgres INTERSECT binds tighter.
  const sql = more.reduce((left, { join }, place) => `${place === 0 ? left : `(${left})`} ${join} ${parts[place + 1]?.sql}`, one.sql);
  return { sql, fields };
}

function limit(word: 'limit' | 'offset', value: Expression | null): string {
  if (value === null) return '';
  if (value.kind !== 'literal' || typeof value.value !== 'bigint') throw new Refusal(`its ${word.toUpperCase()} is not a literal`);
  return value.value < 0n ? '' : ` ${word} ${value.value}`;
}

/** A scope over these relations; names that it does not have are looked up further out. */
function scopeOf({ sources, outer, base }: Around, relations: readonly Relation[]): Scope {
  const scope: Scope = {
    ...base,
    changing: true,
    ofRepaired: 'values',
    aggregates: true,
    column: (table, name) => fieldOf(relations, table, name)?.value ?? outer?.column(table, name),
    subquery: select => {
      const { sql, fields } = selectSql(select, { sources, outer: scope, base });
      return { sql, columns: fields.map(({ value }) => value) };
    },
  };
  return scope;
}

function fieldOf(relations: readonly Relation[], table: string | null, name: string): Field | undefined {
  const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
  for (const relation of relations) {
    if (table !== null && !same(relation.alias, table)) continue;
    const field = relation.fields.find(each => same(each.name, name)) ?? (/^(rowid|oid|_rowid_)$/i.test(name) ? relation.rowid : undefined);
    if (field !== undefined) return field;
  }
  return undefined;
}

type Part = Selected & { readonly order: (terms: readonly OrderTerm[]) => string };

function partSql(part: SelectPart, around: Around): Part {
  if (part.values !== null) return valuesSql(part.values, around);
  const from = fromSql(part.from, {
    sources: around.sources,
    scopeOf: relations => scopeOf(around, relations),
    select: inner => selectSql(inner, around),
  });
  const scope = scopeOf(around, from.relations);
  const aliases = new Map(
    part.results.flatMap(each => (each.kind === 'result' && each.alias !== null ? [[each.alias.toLowerCase(), each.value]] : [])),
  );
  const inner = withAliases(scope, aliases);
  const groups = part.groupBy.map(each => groupTerm(translate(positioned(each, part.results), inner)));
  const outer = grouped(scope, groups, from.relations);
  const fields = unique(
    part.results.flatMap(result => {
      const plain = resultFields(result, from.relations, from.merged, scope);
      return plain.every(({ value }) => groups.includes(value.sql)) ? plain : resultFields(result, from.relations, from.merged, outer);
    }),
  );
  if (part.distinct) for (const { value } of fields) groupTerm(value);
  const windows = part.windows.map(({ name, window }) => `"${name.toLowerCase()}" as ${windowSql(window, scope)}`);
  const list = fields.map(({ name, value }) => `${output(value)} as ${quote(name)}`);
  const clauses = [
    `select ${part.distinct ? 'distinct ' : ''}${list.join(', ')}`,
    from.sql === '' ? '' : ` from ${from.sql}`,
    part.where === null ? '' : ` where ${translateCondition(part.where, inner)}`,
    groups.length === 0 ? '' : ` group by ${groups.join(', ')}`,
    part.having === null ? '' : ` having ${translateCondition(part.having, inner)}`,
    windows.length === 0 ? '' : ` window ${windows.join(', ')}`,
  ];
  const order = (terms: readonly OrderTerm[]): string => {
    const among = withAliases(scope, aliases, true);
    const list = terms.map(term =>
      orderTerm(byNumber(term.by, fields) ?? translate(positioned(term.by, part.results), among), term, scope),
    );
    return list.length === 0 ? '' : ` order by ${list.join(', ')}`;
  };
  return { sql: clauses.join(''), fields: fields.map(field => ({ ...field, value: outputType(field.value, field.name) })), order };
}

/** Grouped rows have their groups' values and what depends on them; SQLite takes any other column from a row of its choice. */
function grouped(scope: Scope, groups: readonly string[], relations: readonly Relation[]): Scope {
  if (groups.length === 0) return scope;
  const dependent = relations.filter(({ key }) => key?.every(({ value }) => groups.includes(value.sql)));
  const known = new Set([...groups, ...dependent.flatMap(({ fields }) => fields.map(({ value }) => value.sql))]);
  return {
    ...scope,
    ungrouped: scope,
    column(table, name) {
      const found = scope.column(table, name);
      if (found !== undefined && !known.has(found.sql)) throw new Refusal(`it takes ${name} from any row of a group`);
      return found;
    },
  };
}

/** The column that `order by 2` means, also where `*` stands for some. */
const byNumber = (by: Expression, fields: readonly Field[]): Typed | undefined =>
  by.kind === 'literal' && typeof by.value === 'bigint' ? fields[Number(by.value) - 1]?.value : undefined;

/** `order by 2` means the second result column. */
function positioned(by: Expression, results: readonly ResultColumn[]): Expression {
  if (by.kind === 'collate') return { ...by, operand: positioned(by.operand, results) };
  if (by.kind !== 'literal' || typeof by.value !== 'bigint') return by;
  if (results.some(({ kind }) => kind === 'star')) throw new Refusal('it orders or groups by the number of a column of *');
  const result = results[Number(by.value) - 1];
  if (result?.kind !== 'result') throw new Refusal('it orders or groups by a column that is not there');
  return result.value;
}

/** SQLite knows aliases of results also in WHERE and GROUP BY, behind columns; in ORDER BY before them (`first`). */
function withAliases(scope: Scope, aliases: ReadonlyMap<string, Expression>, first = false): Scope {
  const aliased = (table: string | null, name: string): Typed | undefined => {
    const value = table === null ? aliases.get(name.toLowerCase()) : undefined;
    return value === undefined ? undefined : { ...translate(value, scope), column: undefined };
  };
  return {
    ...scope,
    column: (table, name) =>
      first ? (aliased(table, name) ?? scope.column(table, name)) : (scope.column(table, name) ?? aliased(table, name)),
  };
}

function outputColumn(by: Expression, fields: readonly Field[]): Typed {
  const inner = by.kind === 'collate' ? by.operand : by;
  const field =
    inner.kind === 'column'
      ? fields.find(({ name }) => name.toLowerCase() === inner.name.toLowerCase())
      : inner.kind === 'literal' && typeof inner.value === 'bigint'
        ? fields[Number(inner.value) - 1]
        : undefined;
  if (field === undefined) throw new Refusal('it orders by something that is not one of its columns');
  const value = { ...field.value, sql: quote(field.name) };
  return by.kind === 'collate' ? { ...value, collation: by.collation, collated: true } : value;
}

function resultFields(result: ResultColumn, relations: readonly Relation[], merged: ReadonlySet<string>, scope: Scope): Field[] {
  if (result.kind === 'result') {
    const { value, alias, text } = result;
    const declared = value.kind === 'column' ? (fieldOf(relations, value.table, value.name)?.name ?? value.name) : text;
    return [{ name: alias ?? declared, value: translate(value, scope) }];
  }
  const { table } = result;
  const chosen = relations.filter(({ alias }) => table === null || alias.toLowerCase() === table.toLowerCase());
  if (chosen.length === 0) throw new Refusal('it selects * of something that is not one of its tables');
  if (chosen.some(({ partial }) => partial)) throw new Refusal('it selects * of a table with a generated column that is left out');
  const seen = new Set<string>();
  return chosen.flatMap(relation =>
    relation.fields.filter(({ name }) => {
      const key = name.toLowerCase();
      const again = table === null && merged.has(key) && seen.has(key);
      seen.add(key);
      return !again;
    }),
  );
}

function valuesSql(rows: readonly (readonly Expression[])[], around: Around): Part {
  const scope = scopeOf(around, []);
  const translated = rows.map(row => row.map(each => translate(each, scope)));
  const width = translated[0]?.length ?? 0;
  const fields = Array.from({ length: width }, (_, place): Field => {
    const { kind } = unify(
      translated.flatMap(row => row[place] ?? []),
      scope,
    );
    const name = `column${place + 1}`;
    return { name, value: { kind, sql: quote(name), affinity: null, collation: 'BINARY', collated: false } };
  });
  const lines = translated.map(row => `(${row.map(output).join(', ')})`);
  const order = (terms: readonly OrderTerm[]): string => {
    if (terms.length > 0) throw new Refusal('it orders VALUES');
    return '';
  };
  return { sql: `values ${lines.join(', ')}`, fields, order };
}
