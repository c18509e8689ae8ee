/*
 * Full-text tables that keep their texts themselves. Their rows lie in a shadow table, on which no trigger may stand: a library that
 * opens files with SQLITE_DBCONFIG_DEFENSIVE, as better-sqlite3 does, would call the whole file malformed, and a fence there would
 * reach the application as "constraint failed" or "malformed". So the texts have to move into an ordinary table first: these are
 * the statements.
 */
import { literal, quote } from '../../change/quote.ts';
import { names } from '../names.ts';

export type OwnSearch = {
  readonly name: string;
  readonly module: 'fts4' | 'fts5';
  /** Every column, indexed or not. */
  readonly columns: readonly string[];
  /** What stands between the brackets of its declaration. */
  readonly declared: readonly string[];
};

/** `taken`: names of tables and triggers that the file has. */
export function moveTexts({ name, module, columns, declared }: OwnSearch, taken: readonly string[]): string[] {
  const free = names([...taken, name]);
  const texts = free.take(`${name}_texts`);
  const key = names(columns).take('id');
  const list = columns.map(quote).join(', ');
  const [docid, from] =
    module === 'fts5' ? ['rowid', `content=${literal(texts)}, content_rowid=${literal(key)}`] : ['docid', `content=${literal(texts)}`];
  const values = (row: string): string => [key, ...columns].map(column => `${row}.${quote(column)}`).join(', ');
  const index = (row: string): string => `insert into ${quote(name)} (${docid}, ${list}) values (${values(row)})`;
  const remove =
    module === 'fts5'
      ? `insert into ${quote(name)} (${quote(name)}, rowid, ${list}) values ('delete', ${values('old')})`
      : `delete from ${quote(name)} where docid = old.${quote(key)}`;
  const trigger = (when: string, what: string): string =>
    `create trigger ${quote(free.take(`${texts}_${when.replace(' ', '_')}`))} ${when} on ${quote(texts)} begin ${what}; end`;
  const before = module === 'fts5' ? 'after' : 'before'; // FTS4 reads the old texts from the table
  return [
    `create table ${quote(texts)} (${quote(key)} integer primary key, ${list})`,
    `insert into ${quote(texts)} select ${docid}, ${list} from ${quote(name)}`,
    `drop table ${quote(name)}`,
    `create virtual table ${quote(name)} using ${module} (${[...declared, from].join(', ')})`,
    `insert into ${quote(name)} (${quote(name)}) values ('rebuild')`,
    trigger('after insert', index('new')),
    trigger(`${before} delete`, remove),
    ...(module === 'fts5'
      ? [trigger('after update', `${remove}; ${index('new')}`)]
      : [trigger('before update', remove), trigger('after update', index('new'))]),
  ];
}
