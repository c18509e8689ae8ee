-- Everything of attacca in this database, beside the replicated tables and their fence triggers; `drop schema attacca cascade` removes it.
create schema attacca;

-- One row. seq and nonce are the checkpoint: updated in the same transaction as the data, so they are never ahead of it or behind it.
-- Updated by every batch: the plan is kept out of line and the page mostly empty, so that the row stays on it.
create table attacca.control (
  id integer primary key check (id = 1),
  install text not null,
  source text not null,
  system text not null,
  phase text not null,
  epoch bigint not null,
  seq bigint,
  nonce bigint,
  verified_seq bigint,
  verified_at timestamptz,
  full_verified_at timestamptz,
  full_verified_ok boolean,
  slot text,
  publication text,
  halt_reason text,
  halt_hint text,
  plan jsonb not null,
  -- How the tables looked when the mirror began to follow them.
  catalog jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
) with (fillfactor = 10, toast_tuple_target = 128);
alter table attacca.control alter column plan set storage external, alter column catalog set storage external;

-- How far the first copy came: a row per table, written in the same transaction as the chunk.
create table attacca.snapshot (
  table_id integer primary key,
  cursor text,
  rows bigint not null default 0,
  total bigint,
  done boolean not null default false,
  -- Why the table is not replicated any more; null: it is.
  suspended text
);

-- A comparison of everything that is under way: from where it goes on after a crash.
create table attacca.round (
  id integer primary key check (id = 1),
  plan text not null,
  epoch bigint not null,
  start bigint not null,
  started_at timestamptz not null,
  places jsonb not null
);

-- How attacca left what somebody else could change: fence triggers (their version in the catalog), sequences, what Postgres refused to make,
-- and the objects of tables that are the application's.
create table attacca.witness (
  object text primary key,
  state text not null
);

-- Rows of the source that do not fit. They are absent from their table as a whole.
create table attacca.quarantine (
  id bigint generated always as identity primary key,
  table_id integer not null,
  table_name text not null,
  key text not null,
  -- sha256 of the key, which may be longer than an index entry can be: that is one reason for being here.
  digest bytea not null,
  "column" text not null,
  reason text not null,
  raw text,
  -- An operator accepted that the row stays absent.
  given_up boolean not null default false,
  at timestamptz not null default now(),
  unique (table_id, digest)
);

-- Published beside the replicated tables: a token that comes out of the stream proves that everything before it did.
create table attacca.watermark (
  token text primary key,
  at timestamptz not null default now()
);

-- A cutover that is to begin by itself, not before `at`, which an approval that comes later moves to its own moment.
create table attacca.scheduled (
  id integer primary key check (id = 1),
  at timestamptz not null,
  max_pause_ms integer,
  by text not null,
  asked_at timestamptz not null default now(),
  on_approval boolean not null default false,
  approved_by text
);

create table attacca.audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  event text not null,
  detail jsonb,
  by text not null default current_user
);
