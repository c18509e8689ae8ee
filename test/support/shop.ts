import type Database from 'better-sqlite3';

const SCHEMA = /* sql */ `
  create table customer (id integer primary key, email text not null unique collate nocase, vip boolean not null default 0, note);
  create table orders (id integer primary key autoincrement, customer_id integer not null references customer(id) on delete cascade,
    placed text not null default current_timestamp, total real, photo blob);
  create table line (order_id integer not null references orders(id) on delete cascade, n integer not null, sku text not null,
    primary key (order_id, n)) without rowid;
  create table log (message text, at integer);
  create index orders_by_customer on orders (customer_id);`;

/** A small shop: a NOCASE key, a composite key, a table without a key, every storage class. `size` customers with an order each. */
export function buildShop(size: number): (db: Database.Database) => void {
  return db => {
    db.pragma('journal_mode = wal');
    db.exec(SCHEMA);
    db.transaction(() => {
      const customer = db.prepare('insert into customer (id, email, vip, note) values (?, ?, ?, ?)');
      const order = db.prepare('insert into orders (customer_id, total, photo) values (?, ?, ?)');
      const line = db.prepare('insert into line values (?, ?, ?)');
      const log = db.prepare('insert into log values (?, ?)');
      const notes = [null, 1n, 1.5, 'text', Buffer.from([0, 255])];
      for (let id = 1; id <= size; id++) {
        customer.run(BigInt(id), `Customer${id}@Example.org`, BigInt(id % 2), notes[id % notes.length]);
        order.run(BigInt(id), id / 8, Buffer.from([id % 256]));
        line.run(BigInt(id), 1n, `sku-${id}`);
        log.run(`customer ${id}`, BigInt(id));
      }
    })();
  };
}

let writes = 0;

/** Some writes of every kind, each committed before this returns. */
export function writeSome(db: Database.Database, count: number): void {
  for (let i = 0; i < count; i++) {
    const id = ++writes;
    db.transaction(() => {
      db.prepare('insert or replace into customer (id, email, note) values (?, ?, ?)').run(
        BigInt(1_000_000 + id),
        `NEW${id % 7}@example.org`,
        `note ${id}`,
      );
      db.prepare('insert into orders (customer_id, total) values (?, ?)').run(BigInt(1_000_000 + id), id / 4);
      db.prepare('update orders set total = total + 1 where id = ?').run(BigInt(1 + (id % 20)));
      db.prepare('insert into log values (?, ?)').run(`write ${id}`, BigInt(id));
      db.prepare('delete from log where at = ?').run(BigInt(1 + (id % 50)));
    })();
  }
}
