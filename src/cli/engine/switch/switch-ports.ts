/* The two databases as a switch sees them (cutover/ports.ts). */
import { setImmediate } from 'node:timers/promises';
import type { Lsn, Mark, Rows } from '../../../change/change.ts';
import type { Sink } from '../../../change/ports.ts';
import { together } from '../../../cutover/agree.ts';
import type {
  HeldSqlite,
  LockedPostgres,
  LoweredFence,
  PostgresSide,
  RaisedFence,
  SqliteSide,
  SwitchPorts,
} from '../../../cutover/ports.ts';
import type { Plan } from '../../../plan/plan.ts';
import { stateBehind } from '../../../postgres/compare/state.ts';
import { advance, isElsewhere, only, readVerified, record, resumeAt } from '../../../postgres/installed/control.ts';
import { closing, fenceOpen, lockTables, opening } from '../../../postgres/installed/fence.ts';
import { readSequences, setSequences } from '../../../postgres/installed/sequence.ts';
import type { Session } from '../../../postgres/session/open.ts';
import { writeWatermark } from '../../../postgres/wal/slot.ts';
import { readFileControl } from '../../../sqlite/capture/control.ts';
import { checkUndoubted } from '../../../sqlite/capture/health.ts';
import { nonceAt } from '../../../sqlite/capture/marking.ts';
import { checkAnchor } from '../../../sqlite/journal/journal.ts';
import { heldState } from '../../../sqlite/journal/state.ts';
import { closeSqlite, openSqlite } from '../../../sqlite/mirror/fence.ts';
import { holdOn } from '../../../sqlite/mirror/hold.ts';
import { nextIds } from '../../../sqlite/mirror/sequence.ts';
import type { Database } from '../../../sqlite/open.ts';
import { halt, type Installed } from '../engine.ts';
import { watched } from '../points.ts';
import { historyOf } from '../stream-names.ts';
import { restoreForeignKeys } from './foreign-keys.ts';
import type { Ready } from './ready.ts';

const COMMIT_WAIT_MS = 3_000;

export const switchPorts = (on: Installed, sink: Sink<Mark, Rows>, slot: string, open: Ready): SwitchPorts => ({
  sqlite: watched('switch.sqlite', sqliteSide(on, { slot, open }), on.engine.reached),
  postgres: watched('switch.postgres', postgresSide(on, sink, open), on.engine.reached),
  flag: on.engine.flag,
});

type Means = { readonly slot: string; readonly open: Ready };

function sqliteSide(on: Installed, { slot, open }: Means): SqliteSide {
  const { engine, plan } = on;
  return {
    async hold(budgetMs, checkpoint): Promise<HeldSqlite> {
      const held = await holdOn(open.writer(), budgetMs);
      try {
        checkUnmoved(held.db, plan, checkpoint);
      } catch (error) {
        held.release();
        throw error;
      }
      const source = historyOf(engine, slot);
      const port: HeldSqlite = {
        state: () => heldState(held.db, plan),
        usedIds: () => nextIds(held.db, plan),
        async raise(epoch) {
          await setImmediate(); // what Postgres is asked goes out first
          const record = closeSqlite(held, plan, epoch);
          const close: RaisedFence['close'] = async ({ head, lsn }) => {
            record({ seq: head.seq, lsn, source });
            await held.commit(COMMIT_WAIT_MS);
          };
          return watched('held', { close }, engine.reached);
        },
        async lower(epoch) {
          await setImmediate();
          const { head, number } = openSqlite(held, plan, epoch);
          const open: LoweredFence['open'] = async usedIds => {
            number(usedIds);
            await held.commit(COMMIT_WAIT_MS);
            return head;
          };
          return watched('held', { open }, engine.reached);
        },
        release: () => held.release(),
      };
      return watched('held', port, engine.reached);
    },
    async still(budgetMs, work) {
      using _held = await holdOn(open.writer(), budgetMs);
      return await work();
    },
    record() {
      const db = open.looker();
      const control = readFileControl(db);
      if (control === undefined || control.install !== on.install) {
        throw halt(
          'the SQLite file has lost its record',
          'it was restored or replaced: run `attacca status` and read the runbook, section "restored file"',
        );
      }
      const { primary, epoch, seq } = control;
      return { primary, epoch, head: { seq, nonce: nonceAt(db, seq) ?? 0n } };
    },
  };
}

/** Under the lock, or in a read transaction: what was compared is this file with this schema. Throws SourceMoved, or ReplicationError 'halt'; then nothing is switched. */
export function checkUnmoved(db: Database, plan: Plan, checkpoint: Mark): void {
  if (readFileControl(db)?.primary === 'postgres') return;
  checkUndoubted(db, plan);
  checkAnchor(db, checkpoint);
}

function postgresSide(on: Installed, sink: Sink<Mark, Rows>, open: Ready): PostgresSide {
  const { engine, plan, writer } = on;
  const { main } = engine;
  return {
    checkpoint: () => sink.checkpoint(),
    apply: batch => sink.apply(batch),
    state: async () => stateBehind(open.reader, plan, () => letGo(open.reader)),
    async prepare(epoch, usedIds): Promise<Lsn> {
      if (!writer.replicaRole) await restoreForeignKeys(on);
      return await setSequences(main, plan, usedIds, { phase: 'verifying', epoch });
    },
    usedIds: () => readSequences(main, plan, 'lazily'),
    async open({ epoch, head }) {
      const statement = `begin; ${only('switching', epoch, head.seq)}; ${opening(epoch)} commit`;
      try {
        await main.query(statement);
      } catch (error) {
        await main.query('rollback').catch(() => undefined); // the server rolls back when the session is gone
        if (!isElsewhere(error)) throw error;
        const [standing] = (await main.query(STANDING)).rows;
        throw halt(
          `Postgres is at ${standing?.phase} ${standing?.epoch} with checkpoint ${standing?.seq}, SQLite was closed at epoch ${epoch} with ${head.seq}`,
          'Postgres has lost commits or another controller was here: do not open it by hand; read the runbook, section "switching"',
        );
      }
    },
    lock: budgetMs => lock(on, open, budgetMs),
    resumeAt: head => resumeAt(main, head),
    writeWatermark: token => writeWatermark(main, token),
    async verifiedUpTo() {
      return { seq: await readVerified(engine.side), nonce: 0n };
    },
    setVerified: position => record(main, { verifiedSeq: position.seq, verifiedAt: 'now' }),
  };
}

/** Ends the transaction in which a state was read. Nobody waits for that: what comes next on this session comes after it. */
export async function letGo(session: Session): Promise<void> {
  session.query('rollback').catch(() => undefined); // a session that is gone has let go
}

const STANDING = /* sql */ `select phase, epoch, seq from attacca.control`;

/** On a session of its own: the controller's goes on working while the tables are locked. */
async function lock({ engine, plan, writer }: Installed, open: Ready, budgetMs: number): Promise<LockedPostgres> {
  const { reached } = engine;
  const session = await open.locker();
  const release = async (): Promise<void> => await session.end();
  try {
    await session.query('begin');
    await lockTables(session, plan, budgetMs);
    await fenceOpen(session, plan);
  } catch (error) {
    await release();
    throw error;
  }
  const port: LockedPostgres = {
    release,
    async close(epoch) {
      await together(
        advance(session, { from: 'verifying_back', to: 'switching_back', epoch }),
        session.query(`${only('switching_back', epoch)}; ${closing(epoch, writer.token)} commit`),
      );
    },
  };
  return watched('locked', port, reached);
}
