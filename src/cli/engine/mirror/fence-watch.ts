/*
 * What a fence in the file cannot stop is noticed while the mirror runs: a table that was rebuilt without it, and whatever was written
 * past it (triggers switched off, a blob handle), which shows as a commit that is not ours.
 */
import type { ReplicationError } from '../../../change/errors.ts';
import { audit } from '../../../postgres/installed/audit.ts';
import { record } from '../../../postgres/installed/control.ts';
import { readFileControl } from '../../../sqlite/capture/control.ts';
import { homeless } from '../../../sqlite/mirror/app-triggers.ts';
import { fenceState, refence } from '../../../sqlite/mirror/fence.ts';
import { hold } from '../../../sqlite/mirror/hold.ts';
import { type Database, isBusy, openSource } from '../../../sqlite/open.ts';
import { readSchema } from '../../../sqlite/schema/tables.ts';
import { type Engine, halt, type Installed } from '../engine.ts';

const FENCE_WAIT_MS = 5_000;
/** Somebody who writes all the time is not reported all the time. */
const AGAIN_MS = 60_000;

const PAST =
  'another process has written to the fenced SQLite file, past the fence: a rollback is refused until `attacca verify` has compared everything';

/** The file that is to be the mirror does not know of it. */
export const lostRecord = (): ReplicationError =>
  halt(
    'the SQLite file has lost its record',
    'it was restored from before the cutover, and no fence closes it: stop what still writes there, and run `attacca resync`, which makes it the mirror again; or put the mirrored file back, or run `attacca finish`',
  );

const HOMELESS =
  'the tables of these triggers, which are set aside, are gone from the SQLite file: the triggers do not come back with a rollback, unless what was renamed has its name again by then; `attacca audit` has their statements';

export type FenceWatch = {
  /** Looks at the fence, and puts it up again where it is gone. `reader` waits for nobody. */
  look(reader: Database): Promise<void>;
  /** Told by the sink: it has put the fence up again on these tables (TablePlan.id). */
  refenced(ids: readonly number[]): void;
  /** Told by the sink: another connection has committed since its own last commit. */
  foreign(): void;
  /** Runs work of ours that writes the file on another connection than the sink's. */
  ours<T>(work: () => Promise<T>): Promise<T>;
};

export function fenceWatch(on: Installed): FenceWatch {
  const { engine, plan } = on;
  const others = unreplicated(on);
  let working = 0;
  let wrote = false;
  let told = Number.NEGATIVE_INFINITY;
  let lost: ReturnType<typeof homeless> = [];

  async function ours<T>(work: () => Promise<T>): Promise<T> {
    working++;
    wrote = true;
    try {
      return await work();
    } finally {
      working--;
      wrote = true; // its last commit comes after what the mirror has seen of it meanwhile
    }
  }

  function refenced(ids: readonly number[]): void {
    const tables = plan.tables.filter(({ id }) => ids.includes(id)).map(({ name }) => name);
    engine.log.error({ tables }, 'SQLite fence was broken and is up again: these tables are compared whole');
  }

  return {
    ours,
    async look(reader) {
      const seen = looked(() => ({ fence: fenceState(reader, plan), control: readFileControl(reader) }));
      if (seen === undefined) return;
      const { fence, control } = seen;
      if (control === undefined || control.primary !== 'postgres') throw lostRecord();
      const triggers = looked(() => homeless(reader)) ?? lost;
      if (triggers.some(({ name }) => !lost.some(known => known.name === name))) await tellLost(engine, triggers);
      lost = triggers;
      if (fence.closed && fence.intact) return;
      const tables = await ours(async () => {
        using held = await hold(engine.config.source, FENCE_WAIT_MS);
        const open = refence(held.db, plan, control.epoch);
        await held.commit(FENCE_WAIT_MS);
        return open;
      });
      refenced(tables);
    },
    refenced,
    foreign() {
      const known = working > 0 || wrote;
      wrote = false;
      if (known) return;
      if (others.length === 0)
        record(engine.side, { fullVerifiedAt: null }).catch(error =>
          engine.log.warn({ err: error }, 'the verification is still taken for valid'),
        );
      if (performance.now() - told < AGAIN_MS) return;
      told = performance.now();
      if (others.length === 0) engine.log.error(PAST);
      else
        engine.log.warn(
          { others },
          'another process writes to the fenced SQLite file: to tables that are not replicated, or past the fence',
        );
    },
  };
}

/** The statements that make them stay in the log of what was done: after a rollback they are nowhere else. */
async function tellLost({ log, side }: Engine, triggers: ReturnType<typeof homeless>): Promise<void> {
  log.warn({ triggers: triggers.map(({ name }) => name) }, HOMELESS);
  await audit(side, 'triggers have lost their table', { triggers });
}

/** Tables that the application may go on writing in SQLite; a full-text table that the plan has as a column is none. */
function unreplicated({ engine, plan }: Installed): string[] {
  using db = openSource(engine.config.source, { readonly: true });
  const planned = new Set(plan.tables.flatMap(({ name, generated = [] }) => [name, ...generated.map(column => column.name)]));
  const { tables, objects } = readSchema(db);
  const all = [...tables, ...objects.filter(({ kind }) => kind === 'virtual')];
  return all.map(({ name }) => name).filter(name => !planned.has(name));
}

/** What `look` reads, or undefined while the mirror itself is committing (rollback-journal mode): then it is looked at next time. */
function looked<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isBusy(error)) return undefined;
    throw error;
  }
}
