-- What attacca.scheduled lacks where it was made before a cutover could wait for approval.
alter table attacca.scheduled
  add column if not exists asked_at timestamptz not null default now(),
  add column if not exists on_approval boolean not null default false,
  add column if not exists approved_by text;
