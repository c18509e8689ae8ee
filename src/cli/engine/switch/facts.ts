import { messageOf } from '../../../change/errors.ts';
import type { Direction, Facts } from '../../../cutover/gate.ts';
import type { Phase } from '../../../cutover/phase.ts';
import { drift } from '../../../plan/fingerprint.ts';
import { suspensions } from '../../../postgres/apply/policy.ts';
import { count } from '../../../postgres/apply/quarantine.ts';
import { preflight } from '../../../postgres/gate/preflight.ts';
import { readControl, readVerifiedAge } from '../../../postgres/installed/control.ts';
import { unfenced } from '../../../postgres/installed/fence.ts';
import { type AppTrigger, appTriggers, blocker } from '../../../sqlite/mirror/app-triggers.ts';
import { fenceState } from '../../../sqlite/mirror/fence.ts';
import { openSource } from '../../../sqlite/open.ts';
import { readSchema } from '../../../sqlite/schema/tables.ts';
import type { Installed } from '../engine.ts';
import type { Tail } from '../tail.ts';
import { obstaclesTo } from './obstacles.ts';

const NO_LAG = { changes: 0n, ms: 0 };

/** What the gate decides on, gathered now. */
export async function gatherFacts(
  on: Installed,
  tail: Tail | undefined,
  direction: Direction,
  { maxPauseMs, reverseProblem, stopped }: Pick<Facts, 'reverseProblem' | 'stopped'> & { readonly maxPauseMs: number },
): Promise<Facts> {
  const { engine, plan } = on;
  const control = await readControl(engine.side);
  const lag = tail?.lag() ?? NO_LAG;
  const ageMs = await readVerifiedAge(engine.side);
  const triggers = direction === 'cutover' ? triggersIn(on) : [];
  return {
    direction,
    phase: (control?.phase ?? 'preparing') as Phase,
    paused: engine.throttle.value.paused,
    lagMs: lag.ms,
    lagChanges: lag.changes,
    maxLagMs: engine.config.cutover.maxLagMs,
    quarantine: await count(engine.side),
    suspended: await suspendedTables(on),
    verified: ageMs === null ? null : { ok: control?.fullVerifiedOk === true, ageMs },
    verifyMaxAgeMs: engine.config.cutover.verifyMaxAgeMinutes * 60_000,
    cannotStream:
      direction === 'cutover' ? (await preflight(engine.side, plan.schema)).cutoverBlockers.filter(notOurSlot(control?.slot)) : [],
    flagProblem:
      (await engine.flag.check(direction === 'cutover' ? 'sqlite' : 'postgres')) ??
      (await strangeFlag(on, direction, control?.epoch ?? 0n).catch(messageOf)),
    reverseProblem,
    fenceProblem: direction === 'cutover' ? await postgresFence(on) : sqliteFence(on),
    ...(direction === 'cutover' ? tablesOutside(on) : { newTables: [], drifted: [] }),
    unreadableTriggers: triggers.filter(({ does }) => does === 'unreadable').map(({ name }) => name),
    stopped,
    obstacles: [...(await obstaclesTo(on, direction, maxPauseMs)), ...triggers.filter(({ does }) => does === 'mixes').flatMap(blocker)],
  };
}

/** No installation switches so often, and from here on there are epochs enough that a flag can hold. */
const FARTHEST = 10n ** 15n;

/** A flag that names the side which is not primary here, or a senseless epoch: somebody else has moved it, or an outside place did not keep it. */
async function strangeFlag({ engine }: Installed, direction: Direction, epoch: bigint): Promise<string | undefined> {
  const flagged = await engine.flag.read();
  if (flagged !== undefined && flagged.epoch > FARTHEST)
    return `flag ${engine.flag.describe()} is at epoch ${flagged.epoch}, which no switch has given: set it to ${epoch}`;
  const [primary, other] = direction === 'cutover' ? (['SQLite', 'PostgreSQL'] as const) : (['PostgreSQL', 'SQLite'] as const);
  if (flagged === undefined || (flagged.primary === 'sqlite') === (primary === 'SQLite')) return undefined;
  const what = `flag ${engine.flag.describe()} names ${other}`;
  return flagged.epoch > epoch
    ? `${what} since epoch ${flagged.epoch}, which another installation has written`
    : `${what}, although ${primary} is primary since epoch ${epoch}: it was changed by somebody else`;
}

async function suspendedTables({ engine, plan }: Installed): Promise<string[]> {
  const suspended = await suspensions(engine.side);
  return plan.tables.filter(({ id }) => suspended.has(id)).map(({ name }) => name);
}

/** Tables that cannot be replicated, with the reason, and those that the plan does not follow yet. */
function tablesOutside({ engine, plan }: Installed): Pick<Facts, 'newTables' | 'drifted'> {
  using db = openSource(engine.config.source, { readonly: true });
  const schema = readSchema(db);
  const there = new Set(schema.tables.map(({ name }) => name));
  const unplanned = (plan.unplanned ?? []).filter(({ name }) => there.has(name));
  return { newTables: unplanned.map(({ name, reason }) => `${name} (${reason})`), drifted: drift(plan, schema) };
}

/** The triggers of the application: what one of them would do to the mirror, or leave undone there, may stand in the way. */
function triggersIn({ engine, plan }: Installed): AppTrigger[] {
  using db = openSource(engine.config.source, { readonly: true });
  return appTriggers(db, plan);
}

/** A full set of slots is no blocker once ours is among them. */
const notOurSlot =
  (slot: string | null | undefined) =>
  ({ code }: { readonly code: string }): boolean =>
    code !== 'postgres-no-slot' || slot == null;

async function postgresFence({ engine, plan }: Installed): Promise<string | undefined> {
  const open = await unfenced(engine.side, plan);
  return open.length === 0 ? undefined : `somebody could write to ${open.join(', ')} in Postgres`;
}

function sqliteFence({ engine, plan }: Installed): string | undefined {
  using db = openSource(engine.config.source, { readonly: true });
  const { closed, intact } = fenceState(db, plan);
  return closed && intact ? undefined : 'its triggers in SQLite are not whole';
}
