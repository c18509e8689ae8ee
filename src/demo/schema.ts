/** The demo's application: an online shop, with the habits that make real SQLite databases hard to move. */
export const SCHEMA = /* sql */ `
  create table customers (
    id integer primary key autoincrement,
    email text not null collate nocase unique,
    name text not null,
    vip boolean not null default 0,
    credit real not null default 0.0,
    avatar blob,
    note, -- no type: whatever the application put there, in every storage class
    created_at text not null default current_timestamp,
    revision text
  );
  create table addresses (
    id integer primary key,
    customer_id integer not null references customers(id) on delete cascade,
    street text not null,
    city text not null,
    latitude real,
    longitude real
  );
  create table categories (
    id integer primary key,
    parent_id integer references categories(id) on delete set null,
    name text not null unique
  );
  create table products (
    id integer primary key,
    sku text not null unique,
    category_id integer references categories(id) on delete set null,
    name text not null,
    price_cents integer not null check (price_cents >= 0),
    weight real,
    image blob,
    attributes text not null default '{}',
    active boolean not null default 1
  );
  create table stock (
    warehouse text not null,
    product_id integer not null references products(id) on delete cascade,
    quantity integer not null,
    primary key (warehouse, product_id)
  );
  create table orders (
    id integer primary key autoincrement,
    customer_id integer not null references customers(id) on delete cascade,
    status text not null default 'new',
    total_cents integer not null default 0,
    placed_at text not null default current_timestamp,
    revision text
  );
  create table order_items (
    order_id integer not null references orders(id) on delete cascade,
    line integer not null,
    product_id integer not null references products(id),
    quantity integer not null,
    price_cents integer not null,
    primary key (order_id, line)
  );
  create table payments (
    id integer primary key,
    order_id integer not null references orders(id) on delete cascade,
    method text not null,
    amount_cents integer not null,
    receipt blob
  );
  create table sessions (
    token text primary key,
    customer_id integer references customers(id) on delete cascade,
    data blob,
    expires_at integer not null,
    revision text
  ) without rowid;
  create table settings (key text primary key, value) without rowid;
  create table coupons (
    id integer primary key,
    code text not null collate nocase unique,
    percent real not null,
    revision text
  );
  create table reviews (
    id integer primary key,
    product_id integer not null references products(id) on delete cascade,
    customer_id integer not null references customers(id) on delete cascade,
    stars integer not null,
    body text,
    revision text,
    unique (product_id, customer_id)
  );
  create table activity (writer integer, token text, kind text, at text default current_timestamp); -- no key at all

  create index addresses_customer on addresses (customer_id);
  create index products_category on products (category_id, price_cents desc);
  create index orders_customer on orders (customer_id, placed_at);
  create index orders_open on orders (placed_at) where status = 'new';
  create index order_items_product on order_items (product_id);
  create index payments_order on payments (order_id);
  create index sessions_expiry on sessions (expires_at);
  create index reviews_customer on reviews (customer_id);
  create index activity_token on activity (token);

  create trigger order_total after insert on order_items begin
    update orders set total_cents = total_cents + new.quantity * new.price_cents where id = new.order_id;
  end;
`;
