/*
 * Writes batches of the journal into Postgres.
 *
 * (1) A batch and its checkpoint are written in one transaction, under a lock on the checkpoint: a batch is there once or not at
 *     all [G2], and a Postgres reader sees committed states of the SQLite file only [G3].
 * (2) A small batch goes in one round trip (small.ts). Where that does not work out nothing of it is there, and it goes the way of
 *     the large ones (bulk.ts), which copes with everything.
 * (3) Without replica role foreign key actions are live and a deletion would cascade: the tables then have no foreign keys while
 *     this runs (installed/constraints.ts adds them at cutover).
 */
import type { Batch, Mark, Rows, Seq, Slice } from '../../change/change.ts';
import { charsIn } from '../../change/chars.ts';
import { ReplicationError } from '../../change/errors.ts';
import type { Sink } from '../../change/ports.ts';
import type { Plan } from '../../plan/plan.ts';
import { isPoison } from '../session/errors.ts';
import { type PgRecord, type Session, transaction, type Writer } from '../session/open.ts';
import { type Bulk, type Refusals, writeBulk } from './bulk.ts';
import { type QuarantinePolicy, suspensions, UNLIMITED } from './policy.ts';
import { smallSteps, type TargetStanding } from './small.ts';
import { type OnQuarantine, tablesOf } from './writes.ts';

export type SinkOptions = {
  /** The controller's own session: the one that holds the advisory lock. */
  readonly session: Session;
  readonly plan: Plan;
  readonly writer: Writer;
  /** Called after the commit. */
  readonly onQuarantine?: OnQuarantine;
  /** When there are too many of them; without it there never are. */
  readonly policy?: QuarantinePolicy;
  /** Done inside the transaction of the first batch, before it is written: the tables become those of `plan`. */
  readonly before?: (session: Session) => Promise<void>;
};

/** Up to this many rows a batch is upserted; more are deleted by key and copied. */
const SMALL = 1_000;
/** And with as much text: a statement's parameters are in memory, all of them. */
const SMALL_CHARS = 8_000_000;

/** The forward sink: state of SQLite rows in, Postgres rows out. Throws ReplicationError only. */
export function postgresSink(options: SinkOptions): Sink<Mark, Rows> {
  const target: Target = { policy: UNLIMITED, ...options, tables: tablesOf(options.plan) };
  // Only ever a guess: Postgres checks it in the batch's own transaction.
  let standing: TargetStanding | undefined;
  let { before } = options;
  return {
    async checkpoint() {
      standing = standingOf((await options.session.query(READ)).rows[0]);
      return standing.mark;
    },
    async apply(batch) {
      const after = standing === undefined || before !== undefined ? undefined : await applySmall(target, batch, standing);
      standing = after ?? (await applyAny({ ...target, before }, batch, standing));
      before = undefined;
    },
  };
}

type Target = Omit<SinkOptions, 'before'> & Bulk & { readonly before?: SinkOptions['before'] | undefined };

const READ = /* sql */ `
  select seq, nonce, phase, exists (select from attacca.quarantine) as quarantined,
    array(select table_id from attacca.snapshot where suspended is not null order by table_id) as suspended
  from attacca.control`;

/** undefined where it is not small, or Postgres took none of it: then it has to go the other way. */
async function applySmall(target: Target, batch: Batch<Mark, Rows>, standing: TargetStanding): Promise<TargetStanding | undefined> {
  const { size, replaced } = batch.changes;
  if (size > SMALL || replaced.length > 0) return undefined;
  const slices: Slice[] = [];
  let chars = 0;
  for await (const slice of batch.changes.slices()) {
    if (standing.suspended.includes(slice.table)) continue;
    chars += charsIn(slice.rows);
    if (chars > SMALL_CHARS) return undefined;
    slices.push(slice);
  }
  if (slices.some(({ misfits }) => misfits.length > 0)) return undefined;
  try {
    await target.session.roundTrip(smallSteps(target, batch.position, slices, standing));
    return { ...standing, mark: batch.position };
  } catch (error) {
    // Not at the checkpoint that was believed, or a clash that the order of statements made, or a row that does not fit.
    if (isPoison(error)) return undefined;
    throw error;
  }
}

const LOCK = /* sql */ `${READ} for update`;
const advance = ({ seq, nonce }: Mark): string => /* sql */ `update attacca.control set seq = ${seq}, nonce = ${nonce}, updated_at = now()`;

/** Returns where the target stands then. */
async function applyAny(
  target: Target,
  { position, changes }: Batch<Mark, Rows>,
  believed: TargetStanding | undefined,
): Promise<TargetStanding> {
  let last: string | undefined;
  const work = async ([row]: readonly PgRecord[]): Promise<{ standing: TargetStanding; refusals: Refusals }> => {
    const standing = standingOf(row);
    if (believed !== undefined && standing.mark.seq < believed.mark.seq) throw forgotten();
    if (isReplay(standing.mark, position)) return { standing, refusals: [] };
    refuseIfPrimary(row?.phase ?? '');
    last = advance(position);
    await target.before?.(target.session);
    const refusals = await writeBulk(target, changes, standing);
    const suspended = [...(await suspensions(target.session)).keys()];
    return { standing: { mark: position, quarantined: standing.quarantined || refusals.length > 0, suspended }, refusals };
  };
  const { standing, refusals } = await transaction(target.session, target.writer, work, { first: LOCK, last: () => last });
  for (const [table, misfits] of refusals) target.onQuarantine?.(table.plan, misfits);
  return standing;
}

/** A missing checkpoint is not position zero: treating it so would copy a whole history over a live target. */
function standingOf(row: PgRecord | undefined): TargetStanding {
  if (row?.seq == null || row.nonce == null)
    throw new ReplicationError('halt', 'Postgres has no checkpoint', { hint: 'the first copy never began: run attacca sync' });
  return {
    mark: { seq: BigInt(row.seq) as Seq, nonce: BigInt(row.nonce) },
    quarantined: row.quarantined === 't',
    suspended: idsIn(row.suspended),
  };
}

/** `{1,3}` */
const idsIn = (array: string | null | undefined): number[] => (array ?? '').split(/[{},]/).filter(Boolean).map(Number);

/** At or below the checkpoint everything is here already. The same seq with another nonce is another history. */
function isReplay(checkpoint: Mark, position: Mark): boolean {
  if (checkpoint.seq !== position.seq || checkpoint.nonce === position.nonce) return checkpoint.seq >= position.seq;
  throw new ReplicationError('halt', 'the journal is not the one this database follows', {
    hint: 'the SQLite file was restored or lost commits: if it is right, run attacca resync',
  });
}

/** A server that took the place of another, or lost its last commits, without our noticing: this batch would leave a gap [G2]. */
const forgotten = (): ReplicationError =>
  new ReplicationError('retry', 'Postgres stands at an earlier position than before', {
    hint: 'attacca reads its position again and goes on from there',
  });

/** Once the application writes to Postgres, a batch from SQLite that arrives late would overwrite newer rows [G8]. */
function refuseIfPrimary(phase: string): void {
  if (phase !== 'mirroring' && phase !== 'finished' && !phase.endsWith('_back')) return;
  throw new ReplicationError('halt', `Postgres is primary (phase ${phase}): it takes no batch from SQLite`, {
    hint: 'another controller has switched: let only one run',
  });
}
