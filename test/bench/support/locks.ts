/* A file with many tables, and a journal with many marks: what holds the write lock longest. */

export const manyTables = (count: number): string =>
  Array.from(
    { length: count },
    (_, n) => `create table t${n} (id integer primary key, a text unique, b text, c real, d text, e text);
      create index b${n} on t${n} (b); create unique index c${n} on t${n} (c, d) where c > 0;`,
  ).join('');

export const fillJournal = (marks: number): string => /* sql */ `
  with recursive n (i) as (values (1) union all select i + 1 from n where i < ${marks})
  insert into _attacca_journal (tbl, k1) select 1, i from n`;
