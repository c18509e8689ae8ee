import type { Seq } from '../../../change/change.ts';
import { type Phase, primaryIn } from '../../../cutover/phase.ts';
import { readProgress } from '../../../postgres/apply/chunk.ts';
import { suspensions } from '../../../postgres/apply/policy.ts';
import { count } from '../../../postgres/apply/quarantine.ts';
import { lastPauses, readAudit } from '../../../postgres/installed/audit.ts';
import { readControl } from '../../../postgres/installed/control.ts';
import { readScheduled } from '../../../postgres/installed/scheduled.ts';
import { type SlotState, slotState } from '../../../postgres/wal/slot.ts';
import type { Lag } from '../../../replicate/lag.ts';
import { judgeSlot } from '../../../replicate/retained.ts';
import type { StatusDocument } from '../../../server/documents.ts';
import { readFileControl } from '../../../sqlite/capture/control.ts';
import { hasJournal, headMark } from '../../../sqlite/capture/marking.ts';
import { waitingMarks } from '../../../sqlite/journal/compact.ts';
import { pendingLoss } from '../../../sqlite/mirror/fence.ts';
import { unlessLocked } from '../../../sqlite/open.ts';
import type { Config } from '../../config.ts';
import { notInstalled } from '../captured.ts';
import { type Engine, refuseOtherSource, shown } from '../engine.ts';
import { UNCAPTURED } from '../forward/following.ts';
import { waiting } from '../tell/alarm.ts';

/** Everything `status` shows. `lag` is the daemon's own measure; without one it is read from the journal, and has no age. */
export async function readStatus(
  engine: Pick<Engine, 'config' | 'side' | 'url'>,
  daemon: StatusDocument['daemon'],
  lag: Lag | undefined,
): Promise<StatusDocument> {
  const { side, config } = engine;
  const control = await readControl(side);
  if (control === undefined) throw notInstalled(config.source);
  refuseOtherSource(control, config.source);
  const phase = control.phase as Phase;
  const progress = await readProgress(side);
  const suspended = await suspensions(side);
  const scheduled = await readScheduled(side);
  const slot = control.slot === null ? undefined : await slotState(side, control.slot);
  const uncaptured = primaryIn(phase) === 'sqlite' && control.mark !== null && lacksJournal(config.source);
  const checkpoint = uncaptured ? undefined : control.mark?.seq;
  return {
    phase,
    primary: primaryIn(phase),
    epoch: String(control.epoch),
    daemon,
    source: config.source,
    target: shown(engine),
    lag: lagOf(config.source, phase, checkpoint, lag),
    applied: primaryIn(phase) === 'sqlite' && checkpoint !== undefined ? String(checkpoint) : null,
    journal: journalOf(config, phase, checkpoint),
    tables: control.plan.tables.map(table => {
      const { rows = 0, total = 0, done = false } = progress.get(table.id) ?? {};
      return { table: table.name, rows, total: Math.max(total ?? 0, rows), done };
    }),
    verification: {
      fullAt: control.fullVerifiedAt?.toISOString() ?? null,
      ok: control.fullVerifiedOk,
      upTo: control.verifiedSeq === null ? null : String(control.verifiedSeq),
      at: control.verifiedAt?.toISOString() ?? null,
    },
    quarantine: await count(side),
    misfits: await waiting(side, control.plan),
    suspended: control.plan.tables.flatMap(({ id, name: table }) => {
      const reason = suspended.get(id);
      return reason === undefined ? [] : [{ table, reason }];
    }),
    slot: slot === undefined ? null : slotOf(control.slot ?? '', slot, config),
    halt: uncaptured ? UNCAPTURED : daemon === null ? control.halt : null, // one that halts ends, though the reason is kept for a while
    scheduled: scheduled === undefined ? null : { at: scheduled.at, by: scheduled.by, approval: scheduled.approval },
    lastPauseMs: await lastPauses(side),
    timeline: await readAudit(side, 20),
  };
}

/** Somebody took capture out of the file, or put one without it in place; nothing follows it then. */
const lacksJournal = (source: string): boolean => unlessLocked(source, db => !hasJournal(db)) === true;

function slotOf(name: string, slot: SlotState, { mirror }: Config): StatusDocument['slot'] {
  const { active, walStatus, retainedBytes, safeBytes } = slot;
  const verdict = judgeSlot(slot, mirror);
  return {
    name,
    active,
    walStatus,
    retainedBytes: String(retainedBytes),
    safeBytes: safeBytes === null ? null : String(safeBytes),
    alarm: verdict.level === 'fine' ? null : verdict.reason,
  };
}

function journalOf(config: Config, phase: Phase, checkpoint: Seq | undefined): StatusDocument['journal'] {
  if (checkpoint === undefined || primaryIn(phase) !== 'sqlite') return null;
  const waiting = unlessLocked(config.source, db => waitingMarks(db, checkpoint));
  return waiting === undefined ? null : { waiting, maxMarks: config.journal.maxMarks };
}

function lagOf(source: string, phase: Phase, checkpoint: bigint | undefined, lag: Lag | undefined): StatusDocument['lag'] {
  if (primaryIn(phase) !== 'sqlite') return lag === undefined ? null : { changes: null, ms: Math.round(lag.ms) };
  if (lag !== undefined) return { changes: String(lag.changes), ms: Math.round(lag.ms) };
  if (checkpoint === undefined) return null;
  const head = unlessLocked(source, db => (pendingLoss(readFileControl(db)) === undefined ? headMark(db).seq : undefined));
  // A head before the checkpoint is one of another history, as is a file that was opened with loss: how far that is behind, nobody knows.
  return head === undefined || head < checkpoint ? null : { changes: String(head - checkpoint), ms: null };
}
