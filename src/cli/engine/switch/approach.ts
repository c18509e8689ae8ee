/*
 * What comes right before a switch, while nobody waits: as little as possible is left to apply and to compare under the lock, and
 * every statement that will be needed there has been compiled and planned on the very connections that will be used.
 */
import type { Mark, Rows } from '../../../change/change.ts';
import type { Sink } from '../../../change/ports.ts';
import { differs } from '../../../cutover/agree.ts';
import type { SwitchPorts } from '../../../cutover/ports.ts';
import { stateOn } from '../../../postgres/compare/state.ts';
import { advance, readVerified, record } from '../../../postgres/installed/control.ts';
import { closing, fenceGaps, opening } from '../../../postgres/installed/fence.ts';
import { readSequences } from '../../../postgres/installed/sequence.ts';
import type { Session } from '../../../postgres/session/open.ts';
import { settleWal } from '../../../sqlite/file/wal.ts';
import { openMarks } from '../../../sqlite/journal/marks.ts';
import { heldState } from '../../../sqlite/journal/state.ts';
import { fenceState } from '../../../sqlite/mirror/fence.ts';
import { schemaOf } from '../../../sqlite/read/values.ts';
import { persist, readTransaction } from '../../../sqlite/transaction.ts';
import { verifyMarked } from '../../../verify/verify.ts';
import type { Installed, Standing } from '../engine.ts';
import type { Ready } from './ready.ts';
import { checkUnmoved, letGo } from './switch-ports.ts';

/** A round takes some milliseconds, and meanwhile the application writes as much as it does in them: more rounds bring nothing nearer. */
const ROUNDS = 4;
const FEW_MARKS = 20;
/** How long a writer that is committing may be in the way (rollback-journal mode). */
const READ_WAIT_MS = 2_000;

/**
 * Before a cutover, when the pipe has stopped: applies and compares what has come since. Throws Refused where the sides differ. The WAL
 * is copied into the file before, or the commit of the fence might do it; and Postgres has compiled its own fence once.
 */
export async function approachPostgres(on: Installed, sink: Sink<Mark, Rows>, open: Ready, epoch: bigint): Promise<void> {
  open.looker();
  await persist(() => settleWal(open.writer()), READ_WAIT_MS);
  await rehearse(on.engine.main, () => on.engine.main.query(opening(epoch)));
  for (let round = 0, marks = FEW_MARKS + 1; round < ROUNDS && marks > FEW_MARKS; round++) marks = await nearer(on, sink, open);
}

/** Both sides at one state, and compared there. Returns how many marks that took. */
async function nearer({ engine, plan }: Installed, sink: Sink<Mark, Rows>, { writer, reader }: Ready): Promise<number> {
  const checkpoint = await sink.checkpoint();
  const db = writer();
  openMarks(db, plan);
  using _reading = await persist(() => readTransaction(db), READ_WAIT_MS);
  checkUnmoved(db, plan, checkpoint);
  const source = heldState(db, plan);
  try {
    const { position } = source;
    const changes = source.marked(checkpoint.seq);
    if (position.seq > checkpoint.seq) await sink.apply({ position, changes });
    const target = await stateOn(reader, plan, () => letGo(reader));
    try {
      const marked = source.marked(await readVerified(engine.side));
      if (!(await verifyMarked({ source, target, primary: 'sqlite' }, plan, marked, new AbortController().signal)).ok)
        throw differs('sqlite');
    } finally {
      await target.close();
    }
    await record(engine.side, { verifiedSeq: position.seq, verifiedAt: 'now' });
    return changes.marks;
  } finally {
    source.close();
  }
}

/**
 * Before a rollback: `compare` again while each time takes clearly less than the one before, because less has come meanwhile. Each
 * waits for the mirror, so that under the lock this has next to nothing left to bring, and there is next to nothing to compare. Ends
 * where one could not be made.
 */
export async function approachSqlite(compare: () => Promise<boolean>): Promise<void> {
  let before = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    if (!(await compare())) return;
    const tookMs = performance.now() - began;
    if (tookMs > before * 0.8) return;
    before = tookMs;
  }
}

/**
 * Before a rollback: the steps of the switch, with no consequence. The two states are not the same one. The mirror rests: in
 * rollback-journal mode this process would wait inside SQLite for a commit that it has to make itself.
 */
export async function rehearseRollback(
  { engine, plan, control, writer }: Standing,
  { postgres }: SwitchPorts,
  open: Ready,
  epoch: bigint,
): Promise<void> {
  const db = open.writer();
  await persist(() => settleWal(db), READ_WAIT_MS);
  openMarks(db, plan);
  const { seq } = await postgres.verifiedUpTo();
  using _reading = await persist(() => readTransaction(db), READ_WAIT_MS);
  const source = heldState(db, plan);
  const target = await postgres.state();
  try {
    await verifyMarked({ source, target, primary: 'postgres' }, plan, source.marked(seq), new AbortController().signal);
    fenceState(db, plan);
    schemaOf(db);
  } finally {
    source.close();
    await target.close();
  }
  await readSequences(engine.main, plan, 'not yet');
  const locker = await open.locker();
  await rehearse(locker, async () => {
    await fenceGaps(locker, plan);
    await locker.query(closing(epoch, writer.token));
    await advance(locker, { from: 'mirroring', to: 'switching_back', epoch: control.epoch });
  });
}

async function rehearse(session: Session, work: () => Promise<unknown>): Promise<void> {
  try {
    await session.query('begin');
    await work();
  } finally {
    await session.query('rollback');
  }
}
