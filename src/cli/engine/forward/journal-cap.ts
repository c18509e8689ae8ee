/*
 * The cap on the journal: what happens when more marks wait than `journal.maxMarks`, because Postgres was away for long, or attacca.
 *
 * Only between two lives of the pipe: while it runs, a batch takes everything there is, and nobody else may know where the next
 * checkpoint will be. See sqlite/journal/compact.ts for why nothing is lost.
 */
import type { Seq } from '../../../change/change.ts';
import { isTransient } from '../../../change/errors.ts';
import { readFileControl } from '../../../sqlite/capture/control.ts';
import { headMark } from '../../../sqlite/capture/marking.ts';
import { compact, waitingMarks } from '../../../sqlite/journal/compact.ts';
import { isBusy, isLocked, openSource } from '../../../sqlite/open.ts';
import type { Engine } from '../engine.ts';

/** From this share of the cap on people are told. */
const WARN = 0.8;

type Around = Pick<Engine, 'config' | 'log' | 'alerts' | 'reached'>;

/** Compacts what waits behind the checkpoint, if that is too much. Call it while no pipe runs. */
export async function capJournal({ config, log, alerts, reached }: Around, checkpoint: Seq): Promise<void> {
  using db = openSource(config.source);
  if (readFileControl(db)?.primary !== 'sqlite') return;
  const { maxMarks } = config.journal;
  const waiting = waitingMarks(db, checkpoint);
  if (waiting > maxMarks * WARN) alerts.raise(JOURNAL, 'nearly full', () => log.warn({ waiting, maxMarks }, 'the journal is nearly full'));
  const done = await compact(db, checkpoint, maxMarks, () => reached?.('compact.step:after'));
  if (done === undefined) return;
  log.warn({ waiting: done.waiting, removed: done.removed, tables: done.tables }, 'journal compacted: these tables are copied anew');
}

/** Everything that waited has been applied. */
export const drained = ({ log, alerts }: Pick<Around, 'log' | 'alerts'>): void =>
  alerts.over(JOURNAL, ({ seconds }) => log.info({ seconds }, 'the journal is no longer nearly full'));

const JOURNAL = 'journal';

/**
 * The same while Postgres cannot be reached. Where its checkpoint is cannot be asked then, but it is not beyond what the file held
 * when the connection was lost: `lost` remembers that, and what came later is compacted.
 */
export function outage(around: Around): { lost(): void; cap(): Promise<void> } {
  let bound = headIn(around.config.source);
  return {
    lost() {
      bound = headIn(around.config.source); // unknown is asked again later, and later is further: never too little
    },
    async cap() {
      bound ??= headIn(around.config.source);
      if (bound === undefined) return;
      try {
        await capJournal(around, bound);
      } catch (error) {
        // The application holds the lock: the next attempt is seconds away.
        if (!isTransient(error) && !isBusy(error) && !isLocked(error)) throw error;
      }
    },
  };
}

/** The newest mark; undefined where nothing is installed, or the file is locked just now. */
export function headIn(source: string): Seq | undefined {
  try {
    using db = openSource(source, { readonly: true, waitMs: 0 });
    return readFileControl(db) === undefined ? undefined : headMark(db).seq;
  } catch {
    return undefined; // whoever opens it next says why
  }
}
