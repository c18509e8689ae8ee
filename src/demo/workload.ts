/*
 * What the shop's writers do. Each writer has keys of its own, so its ledger alone says what must be there.
 *
 * (1) Keys and revisions are chosen before a transaction runs: run again, it does the same.
 * (2) The statements are the same on both sides, except for INSERT OR REPLACE, which Postgres does not have.
 */
import type { Row, Tx } from '../client/client.ts';
import type { Entry } from './ledger.ts';

/** One transaction: `run` gives the entries for the ledger, `claims` are those known before, for an outcome nobody knows. */
export type Write = { readonly claims: readonly Entry[]; run(tx: Tx): Promise<readonly Entry[]> };

const ADD_STOCK = /* sql */ `insert into stock (warehouse, product_id, quantity) values (?, ?, 1)
  on conflict (warehouse, product_id) do update set quantity = stock.quantity + excluded.quantity`;
const STOCK = /* sql */ `select quantity from stock where warehouse = ? and product_id = ?`;
const SET_STOCK = /* sql */ `update stock set quantity = ? where warehouse = ? and product_id = ?`;
const LOG = /* sql */ `insert into activity (writer, token, kind) values (?, ?, ?)`;
const ORDER = /* sql */ `insert into orders (customer_id, status, revision) values (?, 'new', ?) returning id`;
const ITEM = /* sql */ `insert into order_items (order_id, line, product_id, quantity, price_cents) values (?, ?, ?, 2, 995)`;
const PAYMENT = /* sql */ `insert into payments (order_id, method, amount_cents, receipt) values (?, 'card', 3980, ?)`;
const SHIP = /* sql */ `update orders set status = 'shipped', revision = ? where id = ?`;
const CANCEL = /* sql */ `delete from orders where id = ?`;
const CUSTOMER = /* sql */ `update customers set credit = credit + 0.5, vip = ?, revision = ? where id = ?`;
const LOG_OUT = /* sql */ `delete from sessions where token = ?`;
const LOG_IN = {
  sqlite: /* sql */ `insert or replace into sessions (token, customer_id, data, expires_at, revision) values (?, ?, ?, 1800000000, ?)`,
  postgres: /* sql */ `insert into sessions (token, customer_id, data, expires_at, revision) values (?, ?, ?, 1800000000, ?) on conflict (token) do update
    set customer_id = excluded.customer_id, data = excluded.data, expires_at = excluded.expires_at, revision = excluded.revision`,
};
const NO_REVIEW = /* sql */ `delete from reviews where product_id = ? and customer_id = ?`;
const REVIEW = /* sql */ `into reviews (product_id, customer_id, stars, revision) values (?, ?, ?, ?)`;
const NO_COUPON = /* sql */ `delete from coupons where lower(code) = lower(?)`;
const COUPON = /* sql */ `into coupons (code, percent, revision) values (?, 12.5, ?)`;

/** How often each kind of write comes, in a hundred. */
const MIX: readonly (readonly [Kind, number])[] = [
  ['order', 16],
  ['ship', 12],
  ['cancel', 6],
  ['customer', 8],
  ['login', 12],
  ['logout', 5],
  ['addStock', 13],
  ['countStock', 8],
  ['review', 8],
  ['coupon', 6],
  ['visit', 6],
];
type Kind = 'order' | 'ship' | 'cancel' | 'customer' | 'login' | 'logout' | 'addStock' | 'countStock' | 'review' | 'coupon' | 'visit';

/** The endless work of writer number `writer` (from 1). `random` gives numbers in [0, 1). */
export function workload(writer: number, random: () => number) {
  const orders: string[] = [];
  let count = 0;
  const pick = (n: number): number => 1 + Math.floor(random() * n);
  const revision = (): string => `w${writer}-${++count}`;
  const warehouse = `writer-${writer}`;

  const kinds: Readonly<Record<Kind, () => Write>> = {
    order: () => order(writer, pick(2_000), revision()),
    ship: () => shipped(orders[pick(orders.length) - 1] ?? '0', revision()),
    cancel: () => cancelled(orders.splice(pick(orders.length) - 1, 1)[0] ?? '0'),
    customer: () => customer(1_000 + writer * 100 + pick(100), random() < 0.5, revision()),
    login: () => login(`writer-${writer}-${pick(200)}`, writer, revision()),
    logout: () => logout(`writer-${writer}-${pick(200)}`),
    addStock: () => addStock(warehouse, pick(50)),
    countStock: () => countStock(warehouse, pick(50)),
    review: () => review(pick(200), writer, pick(5), revision()),
    coupon: () => coupon(random() < 0.5 ? `writer${writer}-${pick(30)}` : `WRITER${writer}-${pick(30)}`, revision()),
    visit: () => visit(writer, revision()),
  };
  return {
    next(): Write {
      const kind = drawn(random());
      return kinds[orders.length === 0 && (kind === 'ship' || kind === 'cancel') ? 'order' : kind]();
    },
    /** Tells the workload what came of a write, so that it can go on with the orders that exist. */
    done(entries: readonly Entry[]): void {
      for (const entry of entries) if (entry[0] === 'put' && entry[1] === 'orders' && !orders.includes(entry[2])) orders.push(entry[2]);
      if (orders.length > 500) orders.shift();
    },
  };
}

function drawn(random: number): Kind {
  let left = random * MIX.reduce((sum, [, share]) => sum + share, 0);
  for (const [kind, share] of MIX) {
    left -= share;
    if (left < 0) return kind;
  }
  return 'visit';
}

/** A write whose entries are all known before. */
const write = (entries: readonly Entry[], run: (tx: Tx) => Promise<unknown>): Write => ({
  claims: entries,
  run: async tx => {
    await run(tx);
    return entries;
  },
});

const order = (writer: number, product: number, revision: string): Write => ({
  claims: [
    ['put', 'orders', '?', revision],
    ['log', revision],
  ],
  run: async tx => {
    const id = String(required(await tx.get(ORDER, writer, revision)).id);
    await tx.run(ITEM, id, 1, product);
    await tx.run(ITEM, id, 2, 1 + (product % 2_000));
    await tx.run(PAYMENT, id, Buffer.from(revision));
    await tx.run(LOG, writer, revision, 'order');
    return [
      ['put', 'orders', id, revision],
      ['log', revision],
    ];
  },
});

const shipped = (id: string, revision: string): Write => write([['put', 'orders', id, revision]], tx => tx.run(SHIP, revision, id));
const cancelled = (id: string): Write => write([['del', 'orders', id]], tx => tx.run(CANCEL, id));
const customer = (id: number, vip: boolean, revision: string): Write =>
  write([['put', 'customers', String(id), revision]], tx => tx.run(CUSTOMER, vip, revision, id));
const login = (token: string, writer: number, revision: string): Write =>
  write([['put', 'sessions', token, revision]], tx =>
    tx.run(LOG_IN[tx.side], token, writer, Buffer.from(`${token} ${revision}`), revision),
  );
const logout = (token: string): Write => write([['del', 'sessions', token]], tx => tx.run(LOG_OUT, token));
const addStock = (warehouse: string, product: number): Write =>
  write([['add', `${warehouse}:${product}`, 1]], tx => tx.run(ADD_STOCK, warehouse, product));
const visit = (writer: number, token: string): Write => write([['log', token]], tx => tx.run(LOG, writer, token, 'visit'));

/** Reads, then writes what follows from it: half of it on each side would lose or double a count. */
const countStock = (warehouse: string, product: number): Write =>
  write([['add', `${warehouse}:${product}`, 1]], async tx => {
    const row = await tx.get(STOCK, warehouse, product);
    if (row === undefined) await tx.run(ADD_STOCK, warehouse, product);
    else await tx.run(SET_STOCK, Number(row.quantity) + 1, warehouse, product);
  });

/** Evicts the customer's earlier review through the unique key: a new row with a new id. */
const review = (product: number, customerId: number, stars: number, revision: string): Write =>
  write([['put', 'reviews', `${product}:${customerId}`, revision]], async tx => {
    if (tx.side === 'postgres') await tx.run(NO_REVIEW, product, customerId);
    await tx.run(`${replacing(tx)} ${REVIEW}`, product, customerId, stars, revision);
  });

/** Evicts the coupon of the same code in whatever case, through the NOCASE key. */
const coupon = (code: string, revision: string): Write =>
  write([['put', 'coupons', code.toLowerCase(), revision]], async tx => {
    if (tx.side === 'postgres') await tx.run(NO_COUPON, code);
    await tx.run(`${replacing(tx)} ${COUPON}`, code, revision);
  });

const replacing = (tx: Tx): string => (tx.side === 'sqlite' ? 'insert or replace' : 'insert');

function required(row: Row | undefined): Row {
  if (row === undefined) throw new Error('the statement gave no row');
  return row;
}
