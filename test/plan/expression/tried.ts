/** Expressions over the columns of sides.ts, ` ; ` between them. */
const list = (text: string): string[] => text.split(/\s+;\s+|\n\s*/).filter(each => each !== '');

/** Those that mean the same in both databases. */
export const TRANSLATED: Readonly<Record<string, readonly string[]>> = {
  literals: list(`
  1 ; -9223372036854775808 ; 0x1F ; 1.5 ; 'it''s' ; x'00ff' ; true ; FALSE ; 1e3 ; 9223372036854775808 ; 1_000`),
  arithmetic: list(`
  strftime('%s', d) * 1000 ; strftime('%s', d) > 5 ; i + m ; i - m * 2 ; m / 2 ; m / m ; m % 3 ; i % m ; -i ; +i ; ~m ; m & 3
  m | 8 ; m << 3 ; m >> 1 ; 1 << 40 ; r + m ; r / m ; n * 2 ; n + 1 ; n / 4.0 ; r * 0.5 ; b + 1 ; b * m ; (m > 1) + (m < 3)
  60 * 60 * 24 * 365 * 100 ; - -m ; m / 0 ; r / 0`),
  booleans: list(`
  m and b ; m or b ; not m ; not b ; b = 1 ; b = 0 ; b in (0, 1) ; b in (1, 2) ; b is 1 ; b is not 1 ; b is null ; b is true
  m is true ; m is not false ; b is not true ; b = true ; b = (m > 1) ; b > 0 ; b <> 0 ; b == m ; i not null ; i isnull
  s and 1 ; k or 0 ; not k ; b between 0 and 1 ; r and 1 ; not r ; true is b`),
  comparisons: list(`
  i = m ; i < 2 ; i >= 2.5 ; i > r ; r <= i ; i = r ; r = i ; i <> r ; n > 1 ; n = 2.5 ; i = 9007199254740993.0 ; i = '1'
  i > '0' ; i < 'abc' ; m = '01' ; m in ('1', '2') ; k = 1 ; k = m ; m = k ; m < k ; k <= m ; k <> m ; s = 1 ; s > 5
  s = 'a' ; s < 'b' ; s >= c ; c = s ; c = 'ABC' ; c < 'b' ; p = 'abc' ; p > 'abc' ; s = 'abc' collate nocase
  s collate nocase in ('ABC', 'z') ; s in ('a', 'b', null) ; c in ('abc') ; s not in ('a') ; m not in (1, 2, 3) ; m in ()
  m not in () ; u = 1 ; u > 1 ; u = 'a' ; u = s ; s = u ; x = s ; x = x'00' ; x > x'01' ; x > 'a' ; s between 'a' and 'c'
  m not between 1 and 3 ; i is m ; i is not m ; s is c ; s is not distinct from u ; m is distinct from 2 ; (m, s) = (1, s)
  (m, s) <> (1, 'a') ; r = '0.5' ; '2.5' = n ; s is null ; 1 = '1' ; 'a' < 'B' ; 1 < 'a' ; m = 'x' ; s = null ; u is 1
  g = 'a' ; g is null`),
  texts: list(`
  s || 'x' ; i || '-' || s ; b || s ; length(s) ; length(x) ; length(i) ; upper(s) ; lower(s) ; trim(s) ; trim(s, 'a ')
  ltrim(s, 'aA') ; rtrim(s) ; substr(s, 2) ; substr(s, -2) ; substr(s, m) ; substr(s, m, 2) ; substr(s, 0, 2)
  substr(s, m, m) ; substr(s, -3, m) ; substr(s, 2, 1) ; substr(i, 2) ; instr(s, 'b') ; instr(s, '') ; replace(s, 'a', 'bb')
  replace(s, '', 'x') ; replace(s, '', null) ; replace(s, c, null) ; replace(s, c, k) ; hex(s) ; hex(x) ; hex(i) ; quote(s) ; quote(i) ; unicode(s) ; typeof(i) ; typeof(n) ; typeof(r)
  typeof(s) ; typeof(x) ; typeof(b) ; typeof(g) ; printf('%s-%d', s, i) ; printf('%05d|%%', m) ; format('%03d', i)
  concat(s, i, b) ; concat_ws('-', s, i, c) ; char(72, 10, 228) ; printf('%.2f', r) ; printf('%.0f', r) ; printf('%.6f|%.3f', m, n / 4.0)
  printf('%.1f', r * 0.5) ; ceil(r) ; floor(r) ; ceiling(m) ; length(trim(s)) > 0 ; zeroblob(3) ; substring(s, 2, 2)`),
  like: list(`
  s like 'A%' ; s like 'a_c' ; s not like '%c' ; s like 'a\\%c' escape '\\' ; s like 'a!_c' escape '!' ; s like c ; i like '1%'
  s like '%\\%' ; s glob 'a*' ; s glob '[a-zA-Z]*' ; s glob '?b?' ; s not glob '*[^a]*' ; s glob 'a.c' ; s glob '*''s'
  s like 'É%' ; s like null ; s glob '[]a]*'`),
  functions: list(`
  abs(i) ; abs(r) ; coalesce(i, m, 0) ; ifnull(s, c) ; coalesce(r, 0) ; nullif(m, 1) ; nullif(s, 'a') ; nullif(c, 'ABC') ; nullif(k, m) ; nullif(m, k)
  iif(m > 1, s, c) ; iif(b, 1, 0) ; iif(m, m) ; max(i, m) ; min(s, u) ; max(m, 2, i) ; round(r) ; round(r, 2) ; round(n, 1)
  round(m) ; round(n * 1.5, 3) ; sign(m) ; case m when 1 then s when 2 then c end
  case when m > 1 then 'x' when b then 'y' else s end ; case s when 'a' then 1 else 0 end ; case c when 'ABC' then 1 end
  case when s is null then b else m end ; likely(m > 1) ; min(r, 0.5)`),
  casts: list(`
  cast(s as integer) ; cast(k as integer) ; cast(r as integer) ; cast(k as real) ; cast(i as real) ; cast(i as text)
  cast(b as integer) ; cast(b as text) ; cast(r as numeric) ; cast(s as blob) ; cast(m as text) = k
  cast('12abc' as integer) ; cast(k as integer) > 1`),
  dates: list(`
  date(d) ; date('2023-04-31') ; time(d) ; datetime(d) ; julianday(d) ; unixepoch(d) ; strftime('%Y-%m-%d %H:%M:%f', d)
  strftime('%s', d) ; strftime('%Y', m) ; strftime('%Y', m * 100000) ; strftime('%j %w %W %u', d) ; strftime('%e|%I|%k|%l|%p|%P|%R|%T|%F|%%', d) ; date(d, '+1 month')
  date(d, '-1 year') ; date(d, '+1 day') ; datetime(d, '-90 minutes') ; datetime(d, '+1.5 days') ; date(d, 'start of month')
  date(d, 'start of year') ; datetime(d, 'start of day') ; date(d, 'start of month', '+1 month', '-1 day')
  date(d, 'weekday 0') ; date(d, 'weekday 3') ; datetime(m, 'unixepoch') ; datetime(i, 'unixepoch')
  datetime(r, 'unixepoch') ; date(m * 100000 + 2450000) ; datetime(r) ; strftime('%f', r, 'unixepoch')
  date(d, '+10 seconds') ; cast(strftime('%s', d) as integer) ; datetime(d) = d ; date(d) is not null
  date(d, '+5 hours', '+3 months') ; date(null) ; strftime('%Y', d) - strftime('%m', d) ; strftime('%Y%m%d', d) + 0
  strftime('%H', d) * 60 + strftime('%M', d) ; strftime('%Y', d) > '2000'`),
  json: list(`
  json_extract(j, '$.a') ; json_extract(j, '$.b') ; json_extract(j, '$.a.b') ; json_extract(j, '$.b[2].c')
  json_extract(j, '$[1]') ; json_extract(j, '$[#-1]') ; json_extract(j, '$.a."a b"') ; json_extract(j, '$') ; j ->> 'a'
  j ->> '$.a' ; j ->> 1 ; json_array_length(j) ; json_array_length(j, '$.a') ; json_type(j) ; json_type(j, '$.a')
  json_valid(j) ; json_valid(s) ; json_extract(j, '$.a') = 'x' ; json_extract(j, '$.a') = 1 ; json_extract(j, '$.a') is null
  json_extract(j, '$.a') <> 'x' ; json_extract(j, '$.a') is 1 ; typeof(json_extract(j, '$.a'))
  cast(json_extract(j, '$.a') as text) ; cast(j ->> 'b' as integer) ; length(j ->> 'a')`),
  'columns of narrow types': list(`
  dt = '2024-02-29 12:34:56' ; dt <> '' ; dt = '' ; dt > '2024' ; dt >= '2024-02-29 12:34:56.5' ; dt is not null ; dt > 0 ; dt = dt ; dt < dz
  date(dt) ; strftime('%Y', dt) ; length(dt) ; substr(dt, 1, 10) ; dt || 'x' ; datetime(dt, '+1 day') ; coalesce(dt, 'never') ; typeof(dt)
  dt < k ; k < dt ; dt >= k ; k >= s ; dt <= date(d) ; dt > strftime('%Y', d) ; dt = k ; dt between '2000-01-01' and '2030' ; dt in ('2024-02-29 12:34:56', 'x') ; dt like '2024%' ; case when dt > '2000' then dt else 'old' end
  dz = '2024-02-29T12:34:56.000Z' ; dz > '2024-02-29T12:34:56.1' ; julianday(dz) ; dz || '' ; dz is dz ; dz <> dt ; upper(dz)
  da < '2000-01-01' ; da || '' ; da = '2024-02-29' ; da >= da ; da = date(dt) ; length(da) ; strftime('%d', da)
  de > 0 ; de / 1000 ; datetime(de / 1000, 'unixepoch') ; de = 1700000000123 ; de - 1 ; de is null ; de % 1000 ; typeof(de) ; de || '' ; -de
  du = 'a0000000-0000-4000-8000-000000000001' ; du = 'A0000000-0000-4000-8000-000000000001' ; length(du) ; du like 'a%' ; du > 'a' ; hex(du)
  db = 'true' ; db <> 'false' ; db in ('true', 'false') ; db || '!' ; db > 'f' ; length(db) ; coalesce(db, 'unknown') ; db = 1
  dn > 0 ; dn = 2.5 ; dn + 1 ; dn * 2 ; dn >= 19.99 ; dn between 0 and 3 ; dn = dn ; abs(dn) ; dn is null ; dn <> 1`),
};

/** Those that SQLite decides value by value, or that only the application knows. */
export const REFUSED: readonly string[] = list(`
  s + 1 ; n / 2 ; n % 2 ; r % 2 ; m = g ; i > g ; coalesce(i, 'x') ; case when m then i else r end ; s regexp c ; s match c
  app_function(s) ; s like c escape '\\' ; s glob c ; s glob '[a' ; strftime('%J', d) ; typeof(n + 1) ; printf('%5.2f', r)
  s collate unicase = c ; count(*) ; max(i) ; nothing ; m << i ; date(d, 'localtime') ; date('now') ; current_timestamp
  random() ; j -> 'a' ; strftime(s, d) ; (select 1) ; exists (select 1) ; m in (select 1) ; ? ; raise(ignore) ; x || 'a'
  'a' || x'00' ; n || s ; json_extract(j, s) ; '\0' ; i is r ; m + ; (1 ; r || '' ; cast(r as text)`);
