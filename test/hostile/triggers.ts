/** Triggers of the application, on {t}; {o} is the other table, or the same one. Each stops by itself also when it fires itself. */
export const BEFORE = [
  "trigger {i} before update on {t} when new.v = 'a' begin delete from {t} where v = 'b'; end",
  "trigger {i} before insert on {t} when new.u = 'b' begin update or replace {t} set u = 'B' where u = 'a'; end",
  "trigger {i} before insert on {t} when new.v = 'A' begin delete from {o} where u is new.u; end",
  'trigger {i} before delete on {t} begin update {o} set w = null where w is old.u and w is not null; end',
  "trigger {i} before insert on {t} when new.w = 'b' begin select raise(ignore); end",
  "trigger {i} before update on {t} when new.w = 'B' begin select raise(fail, 'no'); end",
  "trigger {i} before delete on {t} when old.v = 'B' begin select raise(ignore); end",
];
export const AFTER = [
  "trigger {i} after update on {t} when new.w is not 'T' begin update {t} set w = 'T' where u is new.u; end",
  "trigger {i} after insert on {t} begin update {t} set v = 'b' where w is new.w and v is not 'b'; end",
  "trigger {i} after insert on {t} when new.u = 'a' begin update or replace {t} set u = 'A' where u = 'a'; end",
  'trigger {i} after delete on {t} begin insert or ignore into {t} (v) values (old.u); end',
  "trigger {i} after insert on {t} when new.v is not 'x' begin insert or replace into {o} (u, v) values (new.u, 'x'); end",
  'trigger {i} after insert on {t} begin delete from {o} where u is new.v and v is not new.v; end',
  'trigger {i} after update of u on {t} when old.u is not new.u begin update or ignore {o} set v = new.u where v is old.u; end',
  "trigger {i} after insert on {t} when new.v = 'B' begin select raise(abort, 'no'); end",
  "trigger {i} after update on {t} when new.u = '1' begin select raise(rollback, 'no'); end",
  'trigger {i} after delete on {t} begin update {o} set v = changes() where v is old.v and v is not changes(); end',
];
