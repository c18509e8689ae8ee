import Database from 'better-sqlite3';
import { quote } from '../change/quote.ts';
import { SCHEMA } from './schema.ts';

/** The numbers 1 to n. */
const series = (n: number): string => `with recursive series(i) as (select 1 union all select i + 1 from series where i < ${n})`;

const ROWS: readonly string[] = [
  /* sql */ `insert into customers (email, name, vip, credit, avatar, note, created_at) ${series(10_000)}
    select format('customer%d@example.com', i), format('Customer %d, Zoë', i), i % 10 = 0, i * 0.1, iif(i % 7 = 0, randomblob(60), null),
      case i % 6 when 0 then i when 1 then i * 0.5 when 2 then format('note %d', i) when 3 then randomblob(8) when 4 then null else i << 40 end,
      datetime('2024-01-01', format('+%d minutes', i)) from series`,
  /* sql */ `insert into addresses (customer_id, street, city, latitude, longitude) ${series(12_000)}
    select 1 + i % 10000, format('%d Main Street', i), 'Trondheim', 63.4 + i / 1e5, 10.4 - i / 1e5 from series`,
  /* sql */ `insert into categories (parent_id, name) ${series(60)} select iif(i > 6, 1 + i % 6, null), format('Category %d', i) from series`,
  /* sql */ `insert into products (sku, category_id, name, price_cents, weight, image, attributes, active) ${series(2_000)}
    select format('SKU-%05d', i), 1 + i % 60, format('Product %d', i), i * 37 % 20000, iif(i % 3 = 0, null, i / 8.0), randomblob(100),
      format('{"colour":"red","size":%d}', i % 50), i % 20 <> 0 from series`,
  /* sql */ `insert into stock (warehouse, product_id, quantity) ${series(6_000)}
    select format('depot-%d', i % 3), 1 + (i - 1) / 3, i % 500 from series`,
  /* sql */ `insert into orders (customer_id, status, placed_at) ${series(20_000)}
    select 1 + i % 10000, iif(i % 9 = 0, 'new', 'shipped'), datetime('2024-02-01', format('+%d minutes', i)) from series`,
  /* sql */ `insert into order_items (order_id, line, product_id, quantity, price_cents) ${series(45_000)}
    select 1 + i % 20000, 1 + i / 20000, 1 + i % 2000, 1 + i % 4, i % 9000 from series`,
  /* sql */ `insert into payments (order_id, method, amount_cents, receipt) ${series(18_000)}
    select i, iif(i % 2, 'card', 'invoice'), i % 90000, randomblob(16) from series`,
  /* sql */ `insert into sessions (token, customer_id, data, expires_at) ${series(3_000)}
    select format('session-%d', i), 1 + i % 10000, randomblob(120), 1760000000 + i from series`,
  /* sql */ `insert into settings (key, value) values ('currency', 'NOK'), ('vat', 0.25), ('next_invoice', 9007199254740993), ('logo', x'89504e47'), ('motd', null)`,
  /* sql */ `insert into coupons (code, percent) ${series(500)} select format('Welcome-%d', i), i % 50 / 2.0 from series`,
  /* sql */ `insert into reviews (product_id, customer_id, stars, body) ${series(5_000)}
    select 1 + i % 2000, 2000 + i, 1 + i % 5, iif(i % 4 = 0, null, format('Review %d: çok güzel', i)) from series`,
  /* sql */ `insert into activity (writer, kind, at) ${series(10_000)} select null, 'visit', datetime('2024-03-01', format('+%d seconds', i)) from series`,
];

const TABLES = /* sql */ `select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\' order by name`;

/** Makes the shop's database in a new WAL file: 13 related tables, more than 100,000 rows, every storage class. */
export function buildApplication(path: string): { tables: number; rows: number } {
  const db = new Database(path);
  try {
    db.pragma('journal_mode = wal');
    db.pragma('synchronous = off'); // of this connection: nothing depends on the file yet
    db.exec(`begin; ${SCHEMA}; ${ROWS.join(';')}; commit; analyze`);
    const tables = db.prepare<[], { name: string }>(TABLES).all();
    const rows = tables.map(({ name }) => db.prepare<[], { n: number }>(`select count(*) as n from ${quote(name)}`).get()?.n ?? 0);
    return { tables: tables.length, rows: rows.reduce((sum, n) => sum + n, 0) };
  } finally {
    db.close();
  }
}
