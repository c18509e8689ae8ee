/*
 * What follows when SQLite was opened without Postgres (cutover/loss.ts), or Postgres has forgotten that it was: the flag, and once
 * Postgres is back its fence, first of all; then what only it had is kept, and it follows SQLite, which is the truth from now on.
 */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { type Lsn, type RowChange, WATERMARK } from '../../../change/change.ts';
import { isTransient, type ReplicationError } from '../../../change/errors.ts';
import { parseLsn } from '../../../change/lsn.ts';
import { afterLoss, forgotten, type LossRecords, nextLossStep } from '../../../cutover/loss.ts';
import type { Phase } from '../../../cutover/phase.ts';
import type { FlagProvider } from '../../../flag/flag.ts';
import { audit } from '../../../postgres/installed/audit.ts';
import { advance, readPhase } from '../../../postgres/installed/control.ts';
import { fenceOpen, fencePostgres, lockTables, readFence } from '../../../postgres/installed/fence.ts';
import { readSequences } from '../../../postgres/installed/sequence.ts';
import { connect, transaction } from '../../../postgres/session/open.ts';
import { keepLost, type Lost } from '../../../postgres/wal/lost.ts';
import { writeWatermark } from '../../../postgres/wal/slot.ts';
import { wal } from '../../../postgres/wal/wal.ts';
import { type ControlRow, fileControlAt } from '../../../sqlite/capture/control.ts';
import { beginLoss, pendingLoss, settleLoss } from '../../../sqlite/mirror/fence.ts';
import { openSource } from '../../../sqlite/open.ts';
import { writeTransaction } from '../../../sqlite/transaction.ts';
import { type Engine, halt, installed, type Standing } from '../engine.ts';
import { takeAsTruth } from '../forward/following.ts';
import { watched } from '../points.ts';
import { historyOf, streamOf } from '../stream-names.ts';

const LOCK_WAIT_MS = 30_000;

/** What the file at `source` says of a rollback without Postgres that is not through yet. */
export const lossOf = (source: string): ControlRow | undefined => pendingLoss(fileControlAt(source));

/** Names SQLite in the flag, where it was opened without Postgres and that was not done yet. Needs no Postgres. */
export async function flagAfterLoss(source: string, flag: Pick<FlagProvider, 'read' | 'write'>, log?: Logger): Promise<void> {
  const loss = lossOf(source);
  if (loss === undefined) return;
  const records = { sqlite: { epoch: loss.epoch, pending: true }, flagEpoch: (await flag.read())?.epoch, postgres: undefined };
  if (nextLossStep(records) !== 'flag') return;
  await flag.write({ primary: 'sqlite', epoch: loss.epoch });
  log?.warn({ epoch: String(loss.epoch) }, 'the flag names SQLite, which was opened without Postgres');
}

/** Does all that is left to do. True: something was. Throws ReplicationError 'halt' where Postgres has forgotten a cutover. */
export async function followLoss(engine: Engine): Promise<boolean> {
  const file = fileControlAt(engine.config.source);
  const loss = pendingLoss(file) ?? (await unheard(engine, file));
  if (loss === undefined) return false;
  const ports = watched('loss', { fence, move, follow }, engine.reached);
  for (;;) {
    const on = await installed(engine);
    const step = nextLossStep(await recordsOf(on, loss));
    if (step === 'flag') await flagAfterLoss(engine.config.source, engine.flag, engine.log);
    else if (step === 'fence' || step === 'move' || step === 'follow') await ports[step](on, loss);
    else return true;
  }
}

/** A file that is primary by a rollback that Postgres has forgotten is the truth, as if it had been opened without Postgres, which may be open. */
async function unheard(engine: Engine, file: ControlRow | undefined): Promise<ControlRow | undefined> {
  const { source } = engine.config;
  const { control, install } = await installed(engine);
  if (file?.install !== install) return undefined;
  const { epoch } = control;
  const same = file.source === historyOf(engine, streamOf({ install }).slot);
  const what = forgotten(file, { phase: control.phase as Phase, epoch, same });
  if (what === undefined) return undefined;
  if (what === 'cutover') throw lostCutover(file);
  engine.log.error({ epoch: String(file.epoch), known: String(epoch) }, 'Postgres has forgotten the rollback to SQLite');
  using db = openSource(source);
  await writeTransaction(db, LOCK_WAIT_MS, () => beginLoss(db, file.epoch + 1n));
  return lossOf(source);
}

const lostCutover = ({ epoch }: ControlRow): ReplicationError =>
  halt(
    `Postgres has forgotten the cutover of epoch ${epoch}: it was restored, or failed over to a standby that had not heard of it`,
    'bring back the server that has it; or `attacca rollback --accept-loss` makes SQLite primary, which holds what that one had, and Postgres follows it',
  );

async function recordsOf({ engine, control }: Standing, { epoch }: ControlRow): Promise<LossRecords> {
  const fence = await readFence(engine.side);
  return {
    sqlite: { epoch, pending: lossOf(engine.config.source) !== undefined },
    flagEpoch: (await engine.flag.read())?.epoch,
    postgres: { epoch: control.epoch, fenced: fence?.closed ? fence.epoch : undefined },
  };
}

async function fence({ engine, writer }: Standing, { epoch }: ControlRow): Promise<void> {
  await transaction(engine.main, null, () => fencePostgres(engine.main, epoch, writer.token));
  engine.log.warn({ epoch: String(epoch) }, 'Postgres is fenced: it did not know that SQLite is primary');
}

/** Statements that were past the fence when it closed have ended when the lock is there, so that nothing is written later. */
async function move({ engine, plan, control }: Standing, { epoch, watermark }: ControlRow): Promise<void> {
  const { phase, epoch: standing } = await readPhase(engine.main);
  const to = afterLoss(phase as Phase);
  await transaction(engine.main, null, async () => {
    await lockTables(engine.main, plan, LOCK_WAIT_MS);
    await fenceOpen(engine.main, plan);
    await readSequences(engine.main, plan, 'durably'); // from where they stand now, they move no more
    const verifiedSeq = control.mark?.seq ?? null;
    const set = { verifiedSeq, fullVerifiedAt: null, fullVerifiedOk: null };
    await advance(engine.main, { from: phase, to, epoch: standing, nextEpoch: epoch, set });
    await audit(engine.main, 'SQLite was opened without Postgres', { epoch: String(epoch), watermark });
  });
  engine.log.info({ from: phase, to }, 'phase changed');
}

async function follow(on: Standing, loss: ControlRow): Promise<void> {
  const { engine } = on;
  const { lost, unknown } = await keep(on, loss);
  const changes = Object.values(lost).flatMap(Object.values<number>);
  const total = changes.reduce((sum, count) => sum + count, 0);
  if (unknown !== undefined) engine.log.error({ reason: unknown }, 'nobody can tell which changes only Postgres had');
  else engine.log.error({ changes: total, tables: lost }, 'changes that only Postgres had are kept in attacca.lost_change');
  const event =
    unknown === undefined
      ? `${total} changes are lost to the application, and kept in attacca.lost_change`
      : `lost changes are not known: ${unknown}`;
  await audit(engine.side, event, { tables: lost });
  using db = openSource(engine.config.source);
  await takeAsTruth(on, db);
  await writeTransaction(db, LOCK_WAIT_MS, () => settleLoss(db));
}

/** The changes between where the file stands and the fence, or why they cannot be had any more. */
async function keep(on: Standing, loss: ControlRow): Promise<{ lost: Lost; unknown?: string }> {
  const { engine, plan } = on;
  const { slot, publication } = streamOf(on);
  if (loss.source !== historyOf(engine, slot)) return { lost: {}, unknown: 'Postgres was restored or failed over' };
  const token = `lost-${randomUUID()}`;
  await writeWatermark(engine.side, token);
  await using session = await connect(engine.url, { applicationName: 'attacca lost changes' });
  try {
    const stream = wal({ url: engine.url, plan, slot, publication });
    return { lost: await keepLost(session, plan, loss.epoch, upTo(stream, parseLsn(loss.lsn ?? ''), token)) };
  } catch (error) {
    if (isTransient(error) || !(error instanceof Error)) throw error;
    return { lost: {}, unknown: error.message };
  }
}

async function* upTo(stream: ReturnType<typeof wal>, after: Lsn, token: string): AsyncGenerator<RowChange> {
  for await (const { changes } of stream.read(after, new AbortController().signal))
    for await (const change of changes) {
      if (change.op === 'truncate' || change.table !== WATERMARK) yield change;
      else if (change.op !== 'delete' && change.row[0] === token) return;
    }
}
