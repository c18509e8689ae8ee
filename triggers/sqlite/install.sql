-- Everything attacca keeps in the SQLite file, beside the triggers. One transaction creates it, uninstall removes it.

-- One row, id 1: whose installation this is, who is primary, and how far the way back has come.
create table _attacca_control (id integer primary key, install text, target text, "primary" text, epoch integer, seq integer, lsn text, source text, watermark text);

-- Marks. Key columns have no type, so that every storage class survives. Nothing but seq can conflict: an OR IGNORE of the
-- application reaches into triggers and would drop the mark. The nonce tells a restored file: seq comes again, it does not.
create table _attacca_journal (seq integer primary key, tbl, nonce default (random()), {columns});

-- The anchor: the position at which nothing has been applied yet.
insert into _attacca_journal (tbl) values (0);
