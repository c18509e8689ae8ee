/* The usual way to log changes by trigger: the row before and after, as JSON. */
import type { Database } from 'better-sqlite3';

const image = (alias: string): string => {
  const plain = ['id', 'session', 'type', 'created_at', 'payload', 'score', 'flagged'].map(name => `'${name}', ${alias}.${name}`);
  return `json_object(${plain.join(', ')}, 'body', hex(${alias}.body))`;
};

const TRIGGERS = /* sql */ `
  create table change_log (id integer primary key, at text default current_timestamp, tbl text, op text, before text, after text);
  create trigger log_insert after insert on events begin
    insert into change_log (tbl, op, after) values ('events', 'I', ${image('new')}); end;
  create trigger log_update after update on events begin
    insert into change_log (tbl, op, before, after) values ('events', 'U', ${image('old')}, ${image('new')}); end;
  create trigger log_delete after delete on events begin
    insert into change_log (tbl, op, before) values ('events', 'D', ${image('old')}); end;`;

/** Puts them on `events`. */
export const logImages = (db: Database): void => void db.exec(TRIGGERS);
