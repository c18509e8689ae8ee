/*
 * Virtual tables. A full-text table over the columns of another one becomes a tsvector column of that table, which Postgres keeps itself; all
 * others are the owner's to replace: their rows are in shadow tables that only SQLite's modules can read and write.
 */
import { literal, quote } from '../../change/quote.ts';
import { finding } from '../codes.ts';
import { type TableContext, translateExpression } from '../expression/translation.ts';
import type { Names } from '../names.ts';
import { names, SYSTEM_COLUMNS } from '../names.ts';
import { type GeneratedPlan, HIDDEN_ROWID, type TablePlan } from '../plan.ts';
import type { SourceObject } from '../schema.ts';
import type { Expressing } from './express.ts';
import { moveTexts } from './own-search.ts';

type Search = { readonly columns: readonly string[]; readonly content: string };

/** The longest text whose words always fit into a tsvector, whatever it holds: a longer one would keep its row out of Postgres. */
const LONGEST = 150_000;

/** A tsvector column and the name of its GIN index for each full-text table over this one. */
export function expressSearch(table: TablePlan, generated: readonly GeneratedPlan[], context: TableContext, free: Names, on: Expressing) {
  const targets = names([...SYSTEM_COLUMNS, HIDDEN_ROWID, ...[...table.columns, ...generated].map(({ target }) => target)]);
  return on.schema.objects.flatMap(object => {
    const search = object.kind === 'virtual' ? parseSearch(object.sql ?? '') : undefined;
    if (search === undefined || search.content.toLowerCase() !== table.name.toLowerCase()) return [];
    const texts = search.columns.map(column => textOf(column, context));
    const lost = texts.find(text => typeof text !== 'string');
    if (typeof lost === 'object') {
      on.findings.push(leftOut(object, lost.reason));
      return [];
    }
    const target = targets.take(object.name);
    const sql = `to_tsvector('simple'::regconfig, left(${texts.join(" || ' ' || ")}, ${LONGEST}))`;
    const column: GeneratedPlan = { name: object.name, target, type: 'tsvector', codec: 'text', affinity: 'text', notNull: false, sql };
    const message = `Full-text table ${quote(object.name)} becomes column ${quote(target)} of ${quote(table.target)}: ${quote(object.name)} MATCH 'words' is written ${quote(target)} @@ websearch_to_tsquery('simple', 'words').`;
    on.findings.push(finding('full-text', { table: object.name, message }));
    const name = free.take(`${table.target}_${target}_idx`);
    return [{ column, index: { name, source: object.name, unique: false, terms: [quote(target)], where: null, using: 'gin' as const } }];
  });
}

function textOf(column: string, context: TableContext): string | { readonly reason: string } {
  const result = translateExpression({ kind: 'column', table: null, name: column, doubtful: false }, context, {
    kind: 'stored',
    column: { type: 'text', codec: 'text', affinity: 'text' },
  });
  return 'reason' in result ? result : `coalesce(${result.sql}, ${literal('')})`;
}

/** A finding for each virtual table that is in none of `tables`. */
export function leaveOutVirtual(tables: readonly TablePlan[], on: Expressing): void {
  const kept = new Set(tables.flatMap(({ generated = [] }) => generated.flatMap(({ name, type }) => (type === 'tsvector' ? name : []))));
  for (const object of on.schema.objects) {
    const known = kept.has(object.name) || on.findings.some(({ code, table }) => code === 'virtual-table' && table === object.name);
    if (object.kind === 'virtual' && !known) on.findings.push(leftOut(object, why(object, on.schema.objects)));
  }
}

const leftOut = ({ name }: SourceObject, reason: string) =>
  finding('virtual-table', {
    table: name,
    message: `Virtual table ${quote(name)} is not created in Postgres, and its rows are not replicated: ${reason}.`,
  });

function why({ name, sql: declaration }: SourceObject, objects: readonly SourceObject[]): string {
  const sql = declaration ?? '';
  const module = moduleOf(sql);
  if (/^rtree/.test(module)) return 'it is an R-Tree; a GiST index over a range or box column of an ordinary table does its work there';
  if (!/^fts[345]$/.test(module)) return `it belongs to the SQLite module ${module}`;
  const { options, columns } = declared(sql);
  const [content] = options.get('content') ?? [];
  if (content === '')
    return 'it keeps none of the texts that it indexes; give the table that has them a tsvector column in Postgres, or name it by content= and plan again';
  if (content !== undefined) return `the table ${content} whose texts it searches is not in the plan`;
  const own = 'it keeps its texts itself, where no trigger may follow them';
  if (module === 'fts3' || options.has('compress') || options.has('languageid'))
    return `${own}; keep them in an ordinary table that it names by content=, and plan again`;
  const all = columns.length === 0 ? [{ name: 'content', text: 'content' }] : columns;
  const search = {
    name,
    module: module === 'fts4' ? 'fts4' : 'fts5',
    columns: all.map(column => column.name),
    declared: columns.length === 0 ? ['content', ...argumentsOf(sql)] : argumentsOf(sql),
  } as const;
  const statements = moveTexts(
    search,
    objects.map(object => object.name),
  );
  return `${own}. Either it stays behind, or an ordinary table holds them, to which the application then writes instead: ${statements.join('; ')}`;
}

const moduleOf = (sql: string): string => /\busing\s+["'`[]?(\w+)/i.exec(sql)?.[1]?.toLowerCase() ?? '';

/** The indexed columns of a full-text table over another table; undefined for any other virtual table. */
function parseSearch(sql: string): Search | undefined {
  if (!/^fts[45]$/.test(moduleOf(sql))) return undefined;
  const { columns, options } = declared(sql);
  const [content = ''] = options.get('content') ?? [];
  const left = new Set(options.get('notindexed')?.map(name => name.toLowerCase()));
  const indexed = columns.filter(({ name, text }) => !/\bunindexed\s*$/i.test(text) && !left.has(name.toLowerCase()));
  return content === '' || indexed.length === 0 ? undefined : { columns: indexed.map(({ name }) => name), content };
}

type Declared = {
  readonly columns: readonly { readonly name: string; readonly text: string }[];
  readonly options: ReadonlyMap<string, readonly string[]>;
};

/** Columns, each with all that is said of it, and options. */
function declared(sql: string): Declared {
  const options = new Map<string, string[]>();
  const columns: { name: string; text: string }[] = [];
  for (const text of argumentsOf(sql)) {
    const [, key, value = ''] = /^(\w+)\s*=\s*(.*)$/s.exec(text) ?? [];
    if (key !== undefined) options.set(key.toLowerCase(), [...(options.get(key.toLowerCase()) ?? []), bare(value)]);
    else columns.push({ name: bare(/^(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|`[^`]*`|\[[^\]]*\]|[^\s]+)/.exec(text)?.[0] ?? ''), text });
  }
  return { columns, options };
}

function argumentsOf(sql: string): string[] {
  const inside = sql.slice(sql.indexOf('(') + 1, sql.lastIndexOf(')'));
  const parts = inside.match(/(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|`[^`]*`|\[[^\]]*\]|\([^)]*\)|[^,])+/g) ?? [];
  return parts.map(part => part.trim()).filter(part => part !== '');
}

function bare(text: string): string {
  const [mark = ''] = text;
  if (mark === '[') return text.slice(1, -1);
  return /^["'`]/.test(mark) ? text.slice(1, -1).replaceAll(mark + mark, mark) : text;
}
