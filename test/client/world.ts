/*
 * An application's two databases and its flag, switched by hand the way the contract describes it: the fence in SQLite, the
 * rows over, Postgres opened, the flag. No daemon: what clients meet is all here.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import { type AppDatabase, type ClientOptions, createDatabase } from '../../src/client/client.ts';
import { FlagConfig } from '../../src/flag/config.ts';
import { fileFlag } from '../../src/flag/file.ts';
import type { Side } from '../../src/flag/flag.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';

const TABLE = 'create table account (id integer primary key, owner text not null, balance integer not null)';
const ROWS = "insert into account values (1, 'ada', 100), (2, 'bob', 100)";
const pgFence = (epoch: number, primary: Side, open: boolean) => `create or replace function fence() returns trigger language plpgsql as $$
  begin ${open ? '' : `raise exception 'ATTACCA_FENCED epoch=${epoch} primary=${primary}: not here';`} return null; end $$`;

export class World implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'attacca-client-'));
  readonly file = join(this.folder, 'app.db');
  readonly flagPath = join(this.folder, 'app.env');
  readonly flag = fileFlag(FlagConfig.parse({ path: this.flagPath }));
  /** A foreign connection to the SQLite file. */
  readonly other = new Database(this.file);
  readonly postgres: TestPostgres;
  readonly #clients: AppDatabase[] = [];

  private constructor(postgres: TestPostgres) {
    this.postgres = postgres;
  }

  static async open(): Promise<World> {
    const world = new World(await testPostgres());
    writeFileSync(world.flagPath, 'DB_TYPE=sqlite\n');
    world.other.pragma('journal_mode = wal');
    world.other.exec(`${TABLE}; ${ROWS}`);
    await world.postgres.query(TABLE);
    await world.postgres.query(pgFence(0, 'sqlite', false));
    await world.postgres.query('create trigger f before insert or update or delete on account for each statement execute function fence()');
    return world;
  }

  /** A client of the library; `pollMs` is so long that only refusals and file events move it. */
  async client(options: Partial<ClientOptions> = {}): Promise<AppDatabase> {
    const app = await createDatabase({
      flag: { path: this.flagPath },
      sqlite: () => new Database(this.file),
      postgres: () => new pg.Pool({ connectionString: this.postgres.url, max: 5 }),
      pollMs: 3_600_000,
      waitMs: 10_000,
      ...options,
    });
    this.#clients.push(app);
    return app;
  }

  /** What attacca leaves in a fenced file; with `tables: false` only what an application in any language meets: the triggers. */
  fenceSqlite(epoch: number, options: { tables: boolean } = { tables: true }): void {
    const raise = `begin select raise(rollback, 'ATTACCA_FENCED epoch=${epoch} primary=postgres'); end`;
    this.other.transaction(() => {
      for (const event of ['insert', 'update', 'delete']) this.other.exec(`create trigger f_${event} before ${event} on account ${raise}`);
      if (!options.tables) return;
      this.other.exec('create table _attacca_fence (closed); insert into _attacca_fence values (1)');
    })();
  }

  /** The rows and the open fence become visible together. */
  async openPostgres(epoch: number): Promise<void> {
    const rows = this.other.prepare("select format('(%d, %Q, %d)', id, owner, balance) from account").pluck().all();
    await this.postgres.query(`begin; ${pgFence(epoch, 'postgres', true)}; insert into account values ${rows.join(', ')}; commit`);
  }

  fencePostgres(epoch: number): Promise<unknown> {
    return this.postgres.query(pgFence(epoch, 'sqlite', false));
  }

  sqliteBalance = (id: number) => this.other.prepare('select balance from account where id = ?').pluck().get(id);
  postgresBalance = async (id: number) =>
    Number((await this.postgres.query('select balance from account where id = $1', [id]))[0]?.balance);

  async [Symbol.asyncDispose](): Promise<void> {
    for (const app of this.#clients) await app.close();
    this.other.close();
    await this.postgres[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true });
  }
}
