/* Guards the mirror's place in the stream: whose server it is, and what its slot keeps on that one's disk, for as long as there is one. */
import { audit } from '../../../postgres/installed/audit.ts';
import { record } from '../../../postgres/installed/control.ts';
import type { Session } from '../../../postgres/session/open.ts';
import { dropSlot, slotState } from '../../../postgres/wal/slot.ts';
import { judgeSlot } from '../../../replicate/retained.ts';
import { fileControlAt } from '../../../sqlite/capture/control.ts';
import { halt, type Installed } from '../engine.ts';
import { reasonOf } from '../tell/alerts.ts';
import { lostRecord } from './fence-watch.ts';

export const LOST =
  'PostgreSQL goes on. Run `attacca resync` to copy the mirror anew and go on mirroring, or `attacca finish` to stay without it';

/** An LSN means something in one history only: after a restore or a failover it would point anywhere. */
export function refuseOtherServer({ engine: { config, facts } }: Installed): void {
  const control = fileControlAt(config.source);
  if (control?.primary !== 'postgres') throw lostRecord();
  const { system, timeline } = JSON.parse(control.source ?? '{}');
  if (system === facts.systemIdentifier && timeline === facts.timeline) return;
  throw halt(
    `the mirror follows server ${system} on timeline ${timeline}, this is ${facts.systemIdentifier} on ${facts.timeline}`,
    `Postgres was restored or failed over. ${LOST}`,
  );
}

/**
 * Makes a look at the slot, to be taken once before the mirror starts and then every second. An alarm is logged when it begins, when it
 * becomes another one, and when it is over. Where the policy says so, the slot is dropped: then the look throws ReplicationError 'halt'.
 */
export function slotGuard({ engine }: Installed, slot: string): (session: Session) => Promise<void> {
  return async session => {
    const state = await slotState(session, slot);
    const verdict = judgeSlot(state, engine.config.mirror);
    if (verdict.level === 'drop') {
      await dropSlot(engine.side, slot); // before it is forgotten: nobody else would ever drop it
      await record(engine.side, { slot: null });
      await audit(engine.side, 'mirror given up', { retainedBytes: String(state.retainedBytes) });
      throw halt(`the mirror was given up, so that the disk of Postgres does not fill: ${verdict.reason}`, LOST);
    }
    if (verdict.level === 'fine') engine.alerts.over('slot', () => engine.log.info({ slot, ...numbers(state) }, 'slot alarm is over'));
    else
      engine.alerts.raise('slot', reasonOf(verdict.reason), () =>
        engine.log.error({ slot, ...numbers(state) }, `slot alarm: ${verdict.reason}`),
      );
  };
}

const numbers = ({ walStatus, retainedBytes, safeBytes }: Awaited<ReturnType<typeof slotState>>) => ({
  walStatus,
  retainedBytes: String(retainedBytes),
  safeBytes: safeBytes === null ? null : String(safeBytes),
});
