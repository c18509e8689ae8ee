/*
 * The control row: where an installation stands. It lives beside the data, so that both commit together.
 *
 * (1) One controller at a time: it holds an advisory lock in the session that also applies. A session that lost its connection
 *     lost the lock with it; a statement it had under way may still commit, so every change here is a compare-and-set.
 * (2) Phases are the switch's business (cutover/phase.ts); here they are words.
 */
import type { Mark, Seq } from '../../change/change.ts';
import { Refused, ReplicationError } from '../../change/errors.ts';
import { planIn } from '../../plan/document.ts';
import type { Plan } from '../../plan/plan.ts';
import { PostgresError } from '../session/errors.ts';
import type { PgRecord, Session } from '../session/open.ts';
import { audit, signature, signed } from './audit.ts';

export type Control = {
  /** Random id of the installation, also the fence's token. */
  readonly install: string;
  readonly source: string;
  readonly phase: string;
  readonly epoch: bigint;
  /** The checkpoint; null until the first copy begins. */
  readonly mark: Mark | null;
  readonly verifiedSeq: Seq | null;
  readonly verifiedAt: Date | null;
  readonly fullVerifiedAt: Date | null;
  readonly fullVerifiedOk: boolean | null;
  readonly slot: string | null;
  readonly publication: string | null;
  readonly halt: { readonly reason: string; readonly hint: string } | null;
  readonly plan: Plan;
};

/** Columns that may be set together with a phase, or alone. */
export type ControlChanges = Partial<
  Pick<Control, 'verifiedSeq' | 'fullVerifiedOk' | 'slot' | 'publication'> & {
    /** Moments are Postgres's own: whether one is long ago is asked of the same clock. */
    readonly verifiedAt: 'now';
    readonly fullVerifiedAt: 'now' | null;
  }
>;

const COLUMNS: Readonly<Record<keyof ControlChanges, string>> = {
  verifiedSeq: 'verified_seq',
  verifiedAt: 'verified_at',
  fullVerifiedAt: 'full_verified_at',
  fullVerifiedOk: 'full_verified_ok',
  slot: 'slot',
  publication: 'publication',
};

/** 'attacca' in ASCII. Advisory locks belong to one database, so a constant will do. */
const LOCK_KEY = '27431115939865441';
const TRY_LOCK = /* sql */ `select pg_try_advisory_lock(${LOCK_KEY}) as locked`;
const HOLDER = /* sql */ `
  select l.pid, a.application_name, a.backend_start from pg_locks l left join pg_stat_activity a on a.pid = l.pid
  where l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and l.database = (select oid from pg_database where datname = current_database())
    and (l.classid::bigint << 32) + l.objid::bigint = ${LOCK_KEY}`;

/** Makes `session` the controller of this database until it ends. Throws Refused, naming the holder, when another one is. */
export async function acquire(session: Session, who: string): Promise<void> {
  await session.query(/* sql */ `select set_config('application_name', $1, false)`, [`attacca ${who}`]);
  const { rows } = await session.query<{ locked: string }>(TRY_LOCK);
  if (rows[0]?.locked === 't') return;
  const holder = (await session.query(HOLDER)).rows[0];
  const since = holder?.backend_start == null ? '' : `, since ${holder.backend_start}`;
  const name =
    holder === undefined ? 'one that has just ended' : `"${holder.application_name ?? 'unknown'}" (server process ${holder.pid}${since})`;
  throw new Refused('another controller is at work', [
    { code: 'controller-running', reason: `this database is controlled by ${name}`, remedy: 'use that one, or stop it first' },
  ]);
}

export type NewControl = {
  readonly install: string;
  readonly source: string;
  readonly system: string;
  readonly phase: string;
  readonly epoch: bigint;
  readonly plan: Plan;
};

const CREATE = /* sql */ `
  insert into attacca.control (id, install, source, system, phase, epoch, plan) values (1, $1, $2, $3, $4, $5, $6)`;

/** Writes the control row of a new installation; it has no checkpoint yet. */
export async function createControl(session: Session, control: NewControl): Promise<void> {
  const { install, source, system, phase, epoch, plan } = control;
  await session.query(CREATE, [install, source, system, phase, epoch, JSON.stringify(plan)]);
}

/** undefined where attacca is not installed. */
export async function readControl(session: Session): Promise<Control | undefined> {
  const { rows: known } = await session.query(/* sql */ `select to_regclass('attacca.control') as control`);
  if (known[0]?.control == null) return undefined;
  const { rows } = await session.query(/* sql */ `select * from attacca.control`);
  return rows[0] === undefined ? undefined : parse(rows[0]);
}

function parse(row: PgRecord): Control {
  const text = (column: string): string => row[column] ?? '';
  const seq = (column: string): Seq | null => (row[column] == null ? null : (BigInt(text(column)) as Seq));
  const date = (column: string): Date | null => (row[column] == null ? null : new Date(text(column)));
  const at = seq('seq');
  return {
    install: text('install'),
    source: text('source'),
    phase: text('phase'),
    epoch: BigInt(text('epoch')),
    mark: at === null ? null : { seq: at, nonce: BigInt(text('nonce')) },
    verifiedSeq: seq('verified_seq'),
    verifiedAt: date('verified_at'),
    fullVerifiedAt: date('full_verified_at'),
    fullVerifiedOk: row.full_verified_ok == null ? null : row.full_verified_ok === 't',
    slot: row.slot ?? null,
    publication: row.publication ?? null,
    halt: row.halt_reason == null ? null : { reason: row.halt_reason, hint: row.halt_hint ?? '' },
    plan: planIn(text('plan')),
  };
}

export type Advance = {
  readonly from: string;
  readonly to: string;
  /** The epoch that must be in force. */
  readonly epoch: bigint;
  /** The epoch from now on, where a switch begins a new one. */
  readonly nextEpoch?: bigint;
  readonly set?: ControlChanges;
  /** Not brought to disk by itself: for a phase from which a crash of the server may fall back to the one before. */
  readonly lazily?: boolean;
};

/** One text for both, so that it is planned before the switch in which time counts. */
const LAZILY = /* sql */ `set_config('synchronous_commit', case when $9 = 'lazily' then 'off' else current_setting('synchronous_commit') end, true)`;

/**
 * Moves the phase, by compare-and-set on (phase, epoch), with a line in the log; one statement, durable (unless `lazily`) when it
 * commits. Throws ReplicationError('halt') if it does not stand there any more: another controller has moved on.
 */
export async function advance(session: Session, step: Advance): Promise<void> {
  const { assignments, values } = assign(step.set ?? {}, 9);
  const statement = /* sql */ `
    with moved as (
      update attacca.control set phase = $3, epoch = $4, updated_at = now()${assignments}
      where phase = $1 and epoch = $2 and ${LAZILY} <> '' returning 1
    )
    insert into attacca.audit (event, detail, by) select $5, ${signed(7, '$6::jsonb')} from moved`;
  const event = `${step.from} → ${step.to}`;
  const epoch = step.nextEpoch ?? step.epoch;
  const detail = JSON.stringify({ epoch: String(epoch) });
  const durability = step.lazily === true ? 'lazily' : 'durably';
  const given = [step.from, step.epoch, step.to, epoch, event, detail, ...signature(), durability, ...values];
  const { rowCount } = await session.query(assignments === '' ? { text: statement, name: 'attacca_advance' } : statement, given);
  if (rowCount === 1) return;
  throw movedOn(step.from, step.epoch);
}

export const movedOn = (phase: string, epoch: bigint): ReplicationError =>
  new ReplicationError('halt', `the phase is no longer ${phase} at epoch ${epoch}`, {
    hint: 'another controller has moved on: see attacca status, and let only one run',
  });

/**
 * A statement that fails unless the phase stands there, at this epoch and checkpoint; where it does, nobody moves it before this
 * transaction ends. It goes in front of what must not happen otherwise, in the same text: one round trip, and no answer to wait for.
 */
export function only(phase: string, epoch: bigint, seq?: Seq): string {
  const checkpoint = seq === undefined ? '' : ` and seq = ${seq}`;
  return /* sql */ `select 1 / count(*) from (select from attacca.control where phase = '${phase}' and epoch = ${epoch}${checkpoint} for update) standing`;
}

/** What `only` fails with. */
export const isElsewhere = (error: unknown): boolean => error instanceof PostgresError && error.sqlstate === '22012';

const AGE = /* sql */ `select extract(epoch from clock_timestamp() - full_verified_at) * 1000 as ms from attacca.control`;

/** Age of the last full verification by the server's clock, in ms; null if there was none. Infinite where that clock was set back. */
export async function readVerifiedAge(session: Session): Promise<number | null> {
  const ms = (await session.query(AGE)).rows[0]?.ms;
  if (ms == null) return null;
  return Number(ms) < 0 ? Number.POSITIVE_INFINITY : Number(ms);
}

const STANDING = /* sql */ `select phase, epoch from attacca.control`;

/** The phase and epoch alone: cheap enough for the middle of a switch. Throws ReplicationError('halt') where there is none. */
export async function readPhase(session: Session): Promise<{ readonly phase: string; readonly epoch: bigint }> {
  const row = (await session.query(STANDING)).rows[0];
  if (row?.phase != null && row.epoch != null) return { phase: row.phase, epoch: BigInt(row.epoch) };
  throw new ReplicationError('halt', 'the control row is gone', {
    hint: 'somebody removed attacca from this database: see `attacca status`',
  });
}

const VERIFIED = /* sql */ `select verified_seq as seq from attacca.control`;

/**
 * Everything marked up to here was compared and found equal: 0 before the first comparison. Never the checkpoint, which a crash of
 * Postgres may set back (small.ts): what is pruned up to here was recorded by a synchronous commit.
 */
export async function readVerified(session: Session): Promise<Seq> {
  const row = (await session.query(VERIFIED)).rows[0];
  return BigInt(row?.seq ?? 0) as Seq;
}

/** Sets columns of the control row, leaving the phase alone. */
export async function record(session: Session, changes: ControlChanges): Promise<void> {
  const { assignments, values } = assign(changes, 0);
  await session.query(/* sql */ `update attacca.control set updated_at = now()${assignments}`, values);
}

function assign(changes: ControlChanges, used: number): { assignments: string; values: unknown[] } {
  const entries = Object.entries(changes).filter(([, value]) => value !== undefined);
  const given = entries.filter(([, value]) => value !== 'now');
  const assignments = [
    ...given.map(([name], index) => `, ${COLUMNS[name as keyof ControlChanges]} = $${used + index + 1}`),
    ...entries.filter(([, value]) => value === 'now').map(([name]) => `, ${COLUMNS[name as keyof ControlChanges]} = now()`),
  ];
  return { assignments: assignments.join(''), values: given.map(([, value]) => value) };
}

const STORE = /* sql */ `update attacca.control set plan = $1, updated_at = now()`;

/** The plan from now on, with a line in the log of what has changed. Inside a transaction. */
export async function storePlan(session: Session, plan: Plan, changes: readonly string[]): Promise<void> {
  await session.query(STORE, [JSON.stringify(plan)]);
  await audit(session, 'schema', { changes });
}

/** Records why attacca stopped, for `status` and for the next start [G7]. */
export async function setHalt(session: Session, reason: string, hint: string): Promise<void> {
  await session.query(/* sql */ `update attacca.control set halt_reason = $1, halt_hint = $2, updated_at = now()`, [reason, hint]);
}

export async function clearHalt(session: Session): Promise<void> {
  await session.query(/* sql */ `update attacca.control set halt_reason = null, halt_hint = null, updated_at = now()`);
}

const RESUME = /* sql */ `
  update attacca.control set seq = $1, nonce = $2, verified_seq = $1, verified_at = now(), updated_at = now()`;

/** Sets the checkpoint where no batch does, at a position where both sides were compared: forward replication begins there again. */
export async function resumeAt(session: Session, mark: Mark): Promise<void> {
  await session.query(RESUME, [mark.seq, mark.nonce]);
}
