/*
 * The application: users, events with what people store in SQLite (text keys, ISO timestamps, JSON, reals, booleans, blobs), and
 * tags in a table WITHOUT ROWID. The same numbers always make the same file: values come from a hash of the row's number.
 */
import Database from 'better-sqlite3';

/** `documents`: the payload is declared JSON, and not TEXT. */
export const schema = (documents = false): string => /* sql */ `
  create table users (id integer primary key, email text not null unique, name text, active boolean not null, created_at text not null);
  create table events (
    id integer primary key, session text not null, type text not null, created_at text not null,
    payload ${documents ? 'json' : 'text'} not null, score real, flagged boolean not null, body blob
  );
  create table event_tags (
    event_id integer not null, tag text not null, weight real not null, primary key (event_id, tag)
  ) without rowid;
  create index events_session on events (session);
  create index events_created_at on events (created_at);`;

/** The same tables, types, keys and indexes in Postgres, for peers that make none; indexes after the data. */
export const targetTables = (documents: boolean): string[] => [
  /* sql */ `create table users (id bigint not null, email text not null, name text, active boolean not null, created_at timestamptz not null)`,
  /* sql */ `create table events (id bigint not null, session text not null, type text not null, created_at timestamptz not null,
    payload ${documents ? 'jsonb' : 'text'} not null, score double precision, flagged boolean not null, body bytea)`,
  /* sql */ `create table event_tags (event_id bigint not null, tag text not null, weight double precision not null)`,
];
export const TARGET_INDEXES = [
  /* sql */ `alter table users add primary key (id), add unique (email)`,
  /* sql */ `alter table events add primary key (id)`,
  /* sql */ `alter table event_tags add primary key (event_id, tag)`,
  /* sql */ `create index events_session on events (session)`,
  /* sql */ `create index events_created_at on events (created_at)`,
  'analyze',
];

/** How `sqlite3 -csv` is to write each table so that Postgres can read it. */
export const EXPORTS = {
  users: /* sql */ `select * from users`,
  events: /* sql */ `select id, session, type, created_at, payload, score, flagged, '\\x' || hex(body) from events`,
  event_tags: /* sql */ `select * from event_tags`,
} as const;

const HASH = /* sql */ `((n * 2654435761) & 4294967295)`;
const CREATED_AT = /* sql */ `strftime('%Y-%m-%dT%H:%M:%S', 1600000000 + n * 7, 'unixepoch') || printf('.%03dZ', n % 1000)`;
const PAYLOAD = /* sql */ `printf('{"path":"/%x/%d","ms":%d,"tags":["a","%x"],"ok":%s}', h % 4096, n % 97, h % 900, h % 251, iif(h % 5, 'true', 'false'))`;

/** Columns of an event as expressions over `n` and its hash `h`. */
export const EVENT = /* sql */ `printf('sess-%08x', h % 200003), 'type-' || (h % 23), ${CREATED_AT}, ${PAYLOAD}, (h % 100000) / 7.0,
  h % 2, case h % 4 when 0 then cast(printf('%016x', h) as blob) end`;

const numbers = (rows: number, from = 1): string => /* sql */ `
  with recursive numbers (n) as (values (${from}) union all select n + 1 from numbers where n < ${from + rows - 1}),
  hashed as (select n, ${HASH} as h from numbers)`;

/** Events with ids from `from` on. */
export const insertEvents = (rows: number, from: number): string =>
  `insert into events ${numbers(rows, from)} select n, ${EVENT} from hashed`;

/** How many rows of `total` each table gets. */
function shares(total: number): { readonly users: number; readonly events: number; readonly tags: number } {
  const users = Math.ceil(total / 10);
  const tags = Math.ceil(total / 10);
  return { users, tags, events: Math.max(1, total - users - tags) };
}

/** Writes a new SQLite file with `rows` rows in all. */
export function makeApplication(path: string, rows: number, documents = false): void {
  const { users, events, tags } = shares(rows);
  const db = new Database(path);
  db.pragma('synchronous = off');
  db.exec(schema(documents));
  db.transaction(() => {
    db.exec(
      `insert into users ${numbers(users)} select n, printf('user%d@example.org', n), 'User ' || h, h % 2, ${CREATED_AT} from hashed`,
    );
    db.exec(insertEvents(events, 1));
    db.exec(`insert into event_tags ${numbers(tags)} select n, 'tag-' || (h % 50), (h % 1000) / 8.0 from hashed`);
  })();
  db.close();
}
