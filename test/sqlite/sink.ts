/** A fenced file with its sink, for tests of the mirror. */
import { afterEach, expect } from 'vitest';
import type { RowChange } from '../../src/change/change.ts';
import { sqliteSink } from '../../src/sqlite/mirror/apply.ts';
import { changes, closed, fixture, INSTALL, idOf, lsn } from './mirrored.ts';

export const DDL = `
  create table t (id integer primary key, u unique, v text);
  create table w (a text collate nocase, b integer, v, primary key (a, b)) without rowid;
  create table keyless (v);
  create table log (n integer primary key, line);
  insert into t values (1, 'i:1', 'one'), (2, 'i:2', 'two');`;

const opened: Disposable[] = [];
afterEach(() => {
  for (const each of opened.splice(0).reverse()) each[Symbol.dispose]();
});

/** A fenced file, its sink, and `apply` for one transaction after the other. */
export async function mirrored(ddl = DDL, options: Parameters<typeof fixture>[1] = { excluded: ['log'] }) {
  const app = fixture(ddl, options);
  opened.push(app);
  await closed(app);
  const refenced: number[] = [];
  const foreign: true[] = [];
  const sink = sqliteSink({
    path: app.path,
    plan: app.plan,
    install: INSTALL,
    onRefenced: tables => refenced.push(...tables),
    onForeign: () => foreign.push(true),
  });
  opened.push(sink);
  let position = 100;
  return {
    ...app,
    sink,
    refenced,
    /** One for each time that the sink has noticed somebody else's commit. */
    foreign,
    id: (name: string): number => idOf(app.plan, name),
    apply: (...list: RowChange[]) => sink.apply({ position: lsn(++position), changes: changes(...list) }),
    rows: (sql: string): unknown[] => app.db.prepare(sql).raw().all(),
    marks: (): unknown[] => app.db.prepare('select tbl, k1 from _attacca_journal where tbl <> 0 order by seq').raw().all(),
  };
}

export const halts = (text: string): unknown =>
  expect.objectContaining({ name: 'ReplicationError', disposition: 'halt', message: expect.stringContaining(text) });
