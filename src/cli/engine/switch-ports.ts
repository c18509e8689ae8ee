/* The two databases as a switch sees them (cutover/ports.ts). */
import type { Lsn, Mark, Rows } from '../../change/change.ts';
import type { Sink } from '../../change/ports.ts';
import type { HeldSqlite, LockedPostgres, PostgresSide, SqliteSide, SwitchPorts } from '../../cutover/ports.ts';
import type { Plan } from '../../plan/plan.ts';
import { advance, readPhase, readVerified, record, setMark } from '../../postgres/control.ts';
import { fencePostgres, lockTables, openPostgres } from '../../postgres/fence.ts';
import { connect, type Session, transaction } from '../../postgres/open.ts';
import { readSequences, setSequences } from '../../postgres/sequence.ts';
import { currentLsn, writeWatermark } from '../../postgres/slot.ts';
import { stateOn } from '../../postgres/state.ts';
import { closeSqlite, openSqlite } from '../../sqlite/fence.ts';
import { examine, isVacuumed, moved } from '../../sqlite/health.ts';
import { hold } from '../../sqlite/hold.ts';
import { readControl as readSqliteControl } from '../../sqlite/install.ts';
import { checkAnchor, nonceAt } from '../../sqlite/journal.ts';
import { type Database, openSource } from '../../sqlite/open.ts';
import { headMark } from '../../sqlite/rows.ts';
import { nextIds } from '../../sqlite/sequence.ts';
import { heldState, sourceState } from '../../sqlite/state.ts';
import { disposable } from './disposable.ts';
import { halt, type Installed } from './engine.ts';
import { restoreForeignKeys } from './foreign-keys.ts';
import { watched } from './points.ts';
import { historyOf } from './stream-names.ts';

const COMMIT_WAIT_MS = 3_000;

/** `reader`: a session opened beforehand, for the one state that is compared while writers wait. */
export const switchPorts = (on: Installed, sink: Sink<Mark, Rows>, slot: string, reader: Session): SwitchPorts => ({
  sqlite: watched('switch.sqlite', sqliteSide(on, sink, slot), on.engine.reached),
  postgres: watched('switch.postgres', postgresSide(on, sink, reader), on.engine.reached),
  flag: on.engine.flag,
});

function sqliteSide(on: Installed, sink: Pick<Sink<Mark, Rows>, 'checkpoint'>, slot: string): SqliteSide {
  const { engine, plan } = on;
  return {
    async hold(budgetMs): Promise<HeldSqlite> {
      const checkpoint = await sink.checkpoint();
      const held = await hold(engine.config.source, budgetMs);
      try {
        checkUnmoved(held.db, plan, checkpoint);
      } catch (error) {
        held.release();
        throw error;
      }
      const source = historyOf(on, slot);
      const port: HeldSqlite = {
        state: () => heldState(held.db, plan),
        usedIds: () => nextIds(held.db, plan),
        async close({ epoch, head, lsn }) {
          closeSqlite(held, plan, { epoch, seq: head.seq, lsn, source });
          await held.commit(COMMIT_WAIT_MS);
        },
        async open({ epoch, usedIds }) {
          const head = openSqlite(held, plan, { epoch, usedIds });
          await held.commit(COMMIT_WAIT_MS);
          return head;
        },
        release: () => held.release(),
      };
      return watched('held', port, engine.reached);
    },
    record() {
      using db = disposable(openSource(engine.config.source, { readonly: true }));
      const control = readSqliteControl(db.database);
      if (control === undefined || control.install !== on.install) {
        throw halt(
          'the SQLite file has lost its record',
          'it was restored or replaced: run `attacca status` and read the runbook, section "restored file"',
        );
      }
      const { primary, epoch, seq } = control;
      return { primary, epoch, head: seq === null ? headMark(db.database) : { seq, nonce: nonceAt(db.database, seq) } };
    },
    state: () => sourceState(openSource(engine.config.source), plan),
  };
}

/** Under the lock: what was compared is this file with this schema. Throws SourceMoved, or ReplicationError 'halt'; then nothing is switched. */
function checkUnmoved(db: Database, plan: Plan, checkpoint: Mark): void {
  if (readSqliteControl(db)?.primary === 'postgres') return;
  const health = examine(db, plan);
  if (health.state !== 'fine' || isVacuumed(db)) throw moved(health);
  checkAnchor(db, checkpoint);
}

function postgresSide(on: Installed, sink: Sink<Mark, Rows>, reader: Session): PostgresSide {
  const { engine, plan, writer } = on;
  const { main } = engine;
  return {
    checkpoint: () => sink.checkpoint(),
    apply: batch => sink.apply(batch),
    state: () => stateOn(reader, plan),
    async prepare(usedIds): Promise<Lsn> {
      await setSequences(main, plan, usedIds);
      if (!writer.replicaRole) await restoreForeignKeys(on);
      return await currentLsn(main);
    },
    usedIds: () => readSequences(main, plan),
    async open({ epoch, head }) {
      await transaction(main, null, async () => {
        const { phase, epoch: standing } = await readPhase(main);
        const { seq } = await sink.checkpoint();
        if (phase !== 'switching' || standing !== epoch || seq !== head.seq) {
          throw halt(
            `Postgres is at ${phase} ${standing} with checkpoint ${seq}, SQLite was closed at epoch ${epoch} with ${head.seq}`,
            'Postgres has lost commits or another controller was here: do not open it by hand; read the runbook, section "switching"',
          );
        }
        await openPostgres(main, epoch);
      });
    },
    lock: budgetMs => lock(on, budgetMs),
    async resumeAt(head) {
      await setMark(main, head);
      await record(main, { verifiedSeq: head.seq, verifiedAt: 'now' });
    },
    writeWatermark: token => writeWatermark(main, token),
    async verifiedUpTo() {
      return { seq: await readVerified(engine.side), nonce: 0n };
    },
    setVerified: position => record(main, { verifiedSeq: position.seq, verifiedAt: 'now' }),
  };
}

/** On a session of its own: the controller's goes on working while the tables are locked. */
async function lock({ engine, plan, writer }: Installed, budgetMs: number): Promise<LockedPostgres> {
  const { reached } = engine;
  const session = await connect(engine.url, { applicationName: 'attacca rollback' });
  const release = async (): Promise<void> => await session.end();
  try {
    await session.query('begin');
    await lockTables(session, plan, budgetMs);
  } catch (error) {
    await release();
    throw error;
  }
  const port: LockedPostgres = {
    release,
    async close(epoch) {
      await fencePostgres(session, epoch, writer.token);
      await advance(session, { from: 'verifying_back', to: 'switching_back', epoch });
      await session.query('commit');
    },
  };
  return watched('locked', port, reached);
}
