/*
 * A rollback without Postgres: an operator has opened SQLite although Postgres could not be asked, and accepts that what SQLite had not
 * seen yet is lost. It is the one act in which a side is opened without a closed record of the other [G8], so it is an act of its own,
 * outside the table of phase.ts.
 *
 * (1) The record in SQLite comes first and alone: durable, with an epoch beyond any that Postgres can know, and `pending` until
 *     Postgres has been told. Everything after it is decided from durable records only, so a crash anywhere goes on where it was.
 * (2) Once Postgres is back, its fence is the first thing; only behind it is looked at what is lost, and only then it follows SQLite.
 */
import { type Phase, primaryIn } from './phase.ts';

type FileRecord = { readonly primary: 'sqlite' | 'postgres'; readonly epoch: bigint };

/** `same`: it is the history of the server in which the file was closed. */
type ServerRecord = { readonly phase: Phase; readonly epoch: bigint; readonly same: boolean };

/**
 * The last switch, where Postgres does not know how it ended: it was restored, or failed over to a standby that had not heard of all of it.
 * A side is opened or closed in the file only when the phase behind which that stands is durable in Postgres; so `file` has to be read before.
 */
export function forgotten(file: FileRecord, { phase, epoch, same }: ServerRecord): 'cutover' | 'rollback' | undefined {
  if (file.epoch < epoch) return undefined;
  const primary = primaryIn(phase);
  if (file.primary === 'sqlite') return file.epoch > epoch || primary === 'postgres' ? 'rollback' : undefined;
  // What was prepared while verifying may not be there, and nobody has written there yet.
  const unproven = (phase === 'verifying' || phase === 'switching') && !same;
  const behind = primary === 'sqlite' && phase !== 'verifying';
  return file.epoch > epoch || behind || unproven ? 'cutover' : undefined;
}

/** How far beyond the epochs of SQLite and of the flag: a rollback that Postgres had begun has taken the next one already. */
export const LOSS_EPOCHS = 2n;

/** Whether Postgres can be in this phase when it hears of it: SQLite was fenced, or Postgres has forgotten that it was. */
const HEARS: Readonly<Record<Phase, boolean>> = {
  preparing: false,
  copying: false,
  catching_up: false,
  shadowing: true, // restored, or failed over to a standby that lacked the cutover
  fencing: true,
  draining: true,
  verifying: true,
  switching: true,
  mirroring: true,
  fencing_back: true,
  draining_back: true,
  verifying_back: true,
  switching_back: true,
  finished: false,
};

/** Where Postgres goes from `phase` when it hears of it. Throws where no such thing can have happened. */
export function afterLoss(phase: Phase): Phase {
  if (HEARS[phase]) return 'shadowing';
  throw new Error(`SQLite was opened with loss, and Postgres is at ${phase}`);
}

export type LossRecords = {
  /** SQLite's epoch, and whether Postgres has yet to be told. */
  readonly sqlite: { readonly epoch: bigint; readonly pending: boolean };
  /** What the flag says; undefined where there is none. */
  readonly flagEpoch: bigint | undefined;
  /** undefined: not to be reached. `fenced`: closed for everybody, since which epoch. */
  readonly postgres: { readonly epoch: bigint; readonly fenced: bigint | undefined } | undefined;
};

/**
 * `flag`: name SQLite. `fence`: close Postgres. `move`: wait for the writers that are past its fence, then make it a follower. `follow`:
 * keep what is lost, and let everything be copied from SQLite. `wait`: for Postgres.
 */
export type LossStep = 'flag' | 'wait' | 'fence' | 'move' | 'follow' | 'done';

/** The next step, by what is durable. */
export function nextLossStep({ sqlite, flagEpoch, postgres }: LossRecords): LossStep {
  const open = postgres !== undefined && (postgres.fenced === undefined || postgres.fenced < sqlite.epoch);
  if (sqlite.pending && open) return 'fence';
  if (flagEpoch !== undefined && flagEpoch < sqlite.epoch) return 'flag';
  if (!sqlite.pending) return 'done';
  if (postgres === undefined) return 'wait';
  return postgres.epoch < sqlite.epoch ? 'move' : 'follow';
}
