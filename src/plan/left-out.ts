/*
 * Tables of the file that have no counterpart in Postgres: those that the plan leaves out on request, and those of Litestream, the backup
 * program. It writes its own around each of its checkpoints, whoever is primary: behind a fence it could make none any more, and the WAL,
 * which it alone empties, would fill the disk.
 */
const LITESTREAM: ReadonlySet<string> = new Set(['_litestream_seq', '_litestream_lock']);

export const isLitestream = (name: string): boolean => LITESTREAM.has(name);

/** `name`: of a table. `excluded`: on request, in any case of letters. */
export const isLeftOut = (name: string, excluded: readonly string[] = []): boolean =>
  isLitestream(name) || excluded.some(other => other.toLowerCase() === name.toLowerCase());
