/*
 * Where histories go: a model in memory, or a real Postgres through the real sink.
 */
import { Client } from 'pg';
import type { Mark, PgRow, Rows } from '../../src/change/change.ts';
import type { Portion } from '../../src/change/ports.ts';
import { quote } from '../../src/change/quote.ts';
import type { Plan, TablePlan } from '../../src/plan/plan.ts';
import { postgresSink } from '../../src/postgres/apply/apply.ts';
import { type PlacedPortion, resetProgress, writeChunk } from '../../src/postgres/apply/chunk.ts';
import { buildKeys } from '../../src/postgres/installed/constraints.ts';
import { installPostgres, uninstallPostgres } from '../../src/postgres/installed/install.ts';
import { isPoison } from '../../src/postgres/session/errors.ts';
import { connect } from '../../src/postgres/session/open.ts';
import { model } from '../sqlite/model.ts';

export type Holds = { readonly rows: readonly PgRow[]; readonly quarantined: readonly string[] };

/** One target of one history. */
export type Target = AsyncDisposable & {
  /** Where the first copy comes in chunks. `exactly` gives a chunk's rows again, for one that Postgres refuses. */
  readonly copy?: {
    write(placed: PlacedPortion, exactly: () => Portion): Promise<void>;
    /** After the last chunk. */
    finish(): Promise<void>;
  };
  apply(position: Mark, changes: Rows): Promise<void>;
  /** What a table holds: rows in the plan's column order, and the names of those in quarantine, sorted. */
  holds(table: TablePlan): Promise<Holds>;
};

/** Makes a target; `after` is the position behind which everything comes, `chunked` asks for a first copy in chunks. */
export type MakeTarget = (plan: Plan, after: Mark, chunked: boolean) => Promise<Target>;

export const inMemory: MakeTarget = async plan => {
  const target = model(plan);
  return {
    apply: async (_, changes) => target.apply(changes),
    holds: async ({ id }) => ({ rows: target.texts(id), quarantined: target.quarantined(id) }),
    [Symbol.asyncDispose]: async () => undefined,
  };
};

const INSTALL = 'a1b2c3d4e5f60718';
const RAW = { getTypeParser: () => (value: string) => value };

/** Tables in the database at `url`, which are gone again when the history ends. */
export const inPostgres =
  (url: string): MakeTarget =>
  async (plan, after, chunked) => {
    const session = await connect(url, { applicationName: 'attacca test' });
    const writer = { token: INSTALL, replicaRole: true };
    await installPostgres(session, plan, { install: INSTALL, source: '/data/app.db', system: 'x/y' });
    if (!chunked) await buildKeys(session, plan);
    await resetProgress(session, { plan, writer, mark: after, totals: new Map() });
    const sink = postgresSink({ session, plan, writer });
    const own = new Client({ connectionString: url, types: RAW, options: '-c timezone=UTC' });
    await own.connect();
    const write = async (placed: PlacedPortion, exactly: () => Portion): Promise<void> => {
      try {
        await writeChunk({ session, plan, writer }, placed, async () => undefined);
      } catch (error) {
        if (!isPoison(error) || placed.portion.csv.length === 0) throw error;
        await write({ ...placed, portion: exactly() }, exactly);
      }
    };
    return {
      ...(chunked && { copy: { write, finish: () => buildKeys(session, plan) } }),
      apply: (position, changes) => sink.apply({ position, changes }),
      async holds({ id, target, columns }) {
        const list = columns.map(column => quote(column.target)).join(', ');
        const { rows } = await own.query<(string | null)[]>({
          text: `select ${list} from ${quote(plan.schema)}.${quote(target)}`,
          rowMode: 'array',
        });
        const quarantine = await own.query<{ key: string }>('select key from attacca.quarantine where table_id = $1', [id]);
        return { rows, quarantined: quarantine.rows.map(({ key }) => key).sort() };
      },
      async [Symbol.asyncDispose]() {
        await own.end();
        await uninstallPostgres(session, { keepTables: false });
        await session.end();
      },
    };
  };
