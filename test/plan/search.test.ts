import { expect, test } from 'vitest';
import { planSql } from '../../src/plan/ddl/ddl.ts';
import { decide } from '../../src/plan/decide.ts';
import { profile } from '../../src/sqlite/profile/profile.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { testPostgres } from '../support/postgres.ts';
import { decided } from './decided.ts';

const SCHEMA = `
  create table post (id integer primary key, title text, "bo""dy" text collate nocase, n int, up text as (upper(title)));
  create virtual table post_fts using fts5 (title, 'bo"dy', n unindexed, content='post', content_rowid=id, tokenize = 'porter unicode61');
  create virtual table [titles] using fts4 (content="post", title, n, notindexed=n);
  create virtual table alone using fts5 (text);
  create virtual table bare using fts5 (text, content='');
  create virtual table box using rtree (id, a, b);
  create virtual table lost using fts5 (x, content=gone);
  create view shown as select * from post;`;

test('a full-text table over another table becomes a column that finds the same rows', async () => {
  const { db, plan, about, objects, table } = decided(SCHEMA);
  expect(table('post').generated?.map(({ target, type }) => [target, type])).toEqual([
    ['up', 'text'],
    ['post_fts', 'tsvector'],
    ['titles', 'tsvector'],
  ]);
  expect(about('full-text')[0]).toMatchObject({ level: 'note', message: expect.stringContaining('@@ websearch_to_tsquery(') });
  await using postgres = await testPostgres();
  await postgres.query(planSql(plan));
  const add = db.prepare(`insert into post (id, title, "bo""dy") values (?, ?, ?)`);
  const rows = [
    [1n, 'Red apple', 'sweet'],
    [2n, 'Green pear', 'an apple is not a pear'],
    [3n, null, ''],
    [4n, 'x '.repeat(200_000), Array.from({ length: 100_000 }, (_, n) => `w${n}`).join(' ')],
  ] as const;
  for (const row of rows) {
    add.run(row);
    await postgres.query(`insert into post (id, title, "bo""dy") values ($1, $2, $3)`, row);
  }
  db.exec(`insert into post_fts (post_fts) values ('rebuild')`);
  for (const words of ['apple', 'APPLE', 'pear apple', 'sweet red', 'nothing']) {
    const ours = db.prepare('select rowid from post_fts where post_fts match ? order by rowid').pluck().all(words).map(String);
    const theirs = await postgres.query(`select id from post where post_fts @@ websearch_to_tsquery('simple', $1) order by id`, [words]);
    expect([words, theirs.map(({ id }) => id)]).toEqual([words, ours]);
  }
  expect(await postgres.query(`select id from post where titles @@ websearch_to_tsquery('simple', 'sweet')`)).toEqual([]);
  expect(
    await postgres.query(`select indexdef as d from pg_indexes where tablename = 'post' and indexdef like '%USING gin%'`),
  ).toHaveLength(2);
  expect(Object.keys((await postgres.query('select * from shown'))[0] ?? {})).toEqual(['id', 'title', 'bo"dy', 'n', 'up']);
  const of = (name: string) => objects.find(object => object.name === name)?.disposition;
  expect(of('post_fts')).toMatch(/becomes column "post_fts" of "post"/);
  expect(of('alone')).toMatch(/its rows are not replicated: it keeps its texts itself/);
  expect([of('bare'), of('box'), of('lost')]).toEqual([
    expect.stringContaining('keeps none'),
    expect.stringContaining('R-Tree'),
    expect.stringContaining('gone'),
  ]);
  expect(objects).toHaveLength(Number(db.prepare('select count(*) from sqlite_schema').pluck().get()));
  expect(objects.filter(({ disposition }) => disposition === 'left out')).toEqual([]);
});

test.each([
  [`"my docs" using fts5 (title, 'bo"dy' unindexed, tokenize = 'porter unicode61')`, '"my docs"', 'rowid'],
  ['docs using fts4 ([id], body, notindexed=body, tokenize=porter)', 'docs', 'docid'],
  ['docs using fts5(id)', 'docs', 'rowid'],
  ['docs using fts4()', 'docs', 'docid'],
])('the statements for a table that keeps its texts do what they say: %s', (declaration, name, docid) => {
  const taken = 'create table docs_texts (x); create table t (x);';
  const before = decided(
    `${taken} create virtual table ${declaration}; insert into ${name} values (${declaration.includes(',') ? "'red apple', 'sweet'" : "'red apple'"})`,
  );
  const said = before.objects.find(({ type, name: own }) => type === 'table' && own === name.replaceAll('"', ''))?.disposition ?? '';
  const [, statements = ''] = /instead: (.*?)\.?$/s.exec(said) ?? [];
  before.db.exec(statements);
  const texts = before.db
    .prepare(`select name from sqlite_schema where type = 'table' and name like '%!_texts%' escape '!' and name <> 'docs_texts'`)
    .pluck()
    .get();
  const found = (words: string) => before.db.prepare(`select ${docid} from ${name} where ${name} match ?`).pluck().all(words);
  expect(found('apple')).toEqual([1n]);
  const [key, first] = before.db.prepare('select name from pragma_table_info(?)').pluck().all(texts) as [string, string];
  before.db.exec(
    `insert into "${texts}" ("${key}", "${first}") values (7, 'green pear'); update "${texts}" set "${first}" = 'blue plum' where "${key}" = 1; delete from "${texts}" where "${key}" = 7`,
  );
  expect([found('apple'), found('pear'), found('plum')]).toEqual([[], [], [1n]]);
  const again = decide(readSchema(before.db), profile(before.db, readSchema(before.db)));
  expect(again.plan.tables.find(({ name: own }) => own === texts)?.generated).toMatchObject([{ type: 'tsvector' }]);
  expect(again.findings.filter(({ code }) => code === 'virtual-table')).toEqual([]);
});
