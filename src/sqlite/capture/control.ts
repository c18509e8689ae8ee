/*
 * The control row in the SQLite file: whose file it is, and which side is primary.
 */
import type { Seq } from '../../change/change.ts';
import { Refused } from '../../change/errors.ts';
import { type Database, openSource } from '../open.ts';

/** Who captures this file: an installation id (random, hex) and the identity of the Postgres database it writes to. */
export type Identity = { readonly install: string; readonly target: string };

export type ControlRow = Identity & {
  readonly primary: 'sqlite' | 'postgres';
  /** Counts switches. */
  readonly epoch: bigint;
  /** Journal head at the last switch; before the first, at the installation. */
  readonly seq: Seq;
  /** WAL position up to which this file holds everything, while mirroring; null otherwise. */
  readonly lsn: string | null;
  /** JSON: the Postgres system, timeline and slot that `lsn` belongs to. */
  readonly source: string | null;
  /** Newest watermark token applied. */
  readonly watermark: string | null;
};

const EXISTS = /* sql */ `select 1 from sqlite_schema where type = 'table' and name = '_attacca_control'`;
const READ = /* sql */ `select install, target, "primary", epoch, seq, lsn, source, watermark from _attacca_control where id = 1`;
const HAS_FENCE = /* sql */ `select 1 from sqlite_schema where type = 'table' and name = '_attacca_fence'`;

/** The control row; undefined where nothing is installed. */
export function readFileControl(db: Database): ControlRow | undefined {
  if (db.prepare(EXISTS).get() === undefined) return undefined;
  return db.prepare<[], ControlRow>(READ).get();
}

/** The same of the file at `source`, which nobody here has open. Throws as `openSource` does. */
export function fileControlAt(source: string): ControlRow | undefined {
  using db = openSource(source, { readonly: true });
  return readFileControl(db);
}

/** Whether the file has a fence of ours at all. */
export const hasFence = (db: Database): boolean => db.prepare(HAS_FENCE).get() !== undefined;

/** Whether an installation in this file was finished: nothing else of ours is there than the fence. */
export const wasFinished = (db: Database): boolean => hasFence(db) && readFileControl(db) === undefined;

/** There is nothing left to remove, and what is there must stay [G11]. */
export const finished = (): Refused =>
  new Refused('this migration is finished', [
    {
      code: 'finished',
      reason: 'PostgreSQL is primary, and the fence in SQLite keeps old instances from writing into the void',
      remedy: 'leave both as they are; there is no way back after finish, and the SQLite file is the copy of what was before',
    },
  ]);
