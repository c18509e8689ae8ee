/*
 * Where a rehearsal takes place: a private folder beside the source, with a copy of the file, a flag, and a PostgreSQL if none is named.
 *
 * (1) Nothing of the installation is used: neither its target, nor its flag, hooks, backups or daemon.
 * (2) The folder is always the same one, and claimed by a lock that dies with its process. What a killed rehearsal has left there, the
 *     next one takes away; its server ends with it.
 * (3) The source is only read. Nobody else in this process has it open, so that it is copied here and not in a thread.
 */
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Refused } from '../../../change/errors.ts';
import { quote } from '../../../change/quote.ts';
import { FlagPlaces } from '../../../flag/places.ts';
import { HooksConfig } from '../../../hooks/config.ts';
import { bytesText, estimate } from '../../../plan/estimate.ts';
import { endingWithProcess, removeEmbedded, startEmbedded } from '../../../postgres/embedded/embedded.ts';
import { connect } from '../../../postgres/session/open.ts';
import type { Progress } from '../../../server/operations.ts';
import { privateFolder, rehearsalFolder, stateFolder } from '../../../server/socket.ts';
import { backUp } from '../../../sqlite/file/backup.ts';
import { claim } from '../../../sqlite/file/claim.ts';
import type { Config } from '../../config.ts';
import { freeIn, SPARE, sizeOf } from '../keep/backup.ts';
import { removeIfEmpty } from '../keep/removal.ts';

/** `config`: the one of the source, for the copy. `server` starts a PostgreSQL there and returns its URL. */
export type Stage = { readonly config: Config; server(): Promise<string> };

type Wanted = { readonly target: string | undefined; readonly say: Progress; readonly signal: AbortSignal };

/** A server without rows, and its WAL until the first checkpoint. */
const SERVER_BYTES = 100_000_000;
/** Rows and indexes in PostgreSQL for a byte of the file, at most. */
const ROWS_PER_BYTE = 2;
/** PostgreSQL recycles more than that (max_wal_size). */
const MOST_WAL_BYTES = 1_000_000_000;

/** Runs `work` there, and takes everything away again. Throws Refused where another rehearsal is under way, or there is no room. */
export async function onStage<T>(config: Config, wanted: Wanted, work: (stage: Stage) => Promise<T>): Promise<T> {
  const folder = rehearsalFolder(config.source);
  for (const path of [stateFolder(config.source), dirname(folder), folder]) if (!existsSync(path)) privateFolder(path);
  using claimed = claim(join(folder, LOCK));
  if (claimed === undefined) throw running(config.source);
  const copy = join(folder, basename(config.source));
  let ending: Disposable | undefined;
  try {
    await clear(copy);
    await refuseWithoutRoom(config, folder, wanted);
    await makeCopy(config.source, copy, wanted);
    return await work({
      config: configFor(config, copy),
      async server() {
        const server = await startEmbedded(stateFolder(copy));
        ending = endingWithProcess(server);
        await makeSchema(server.url, config.schema);
        return server.url;
      },
    });
  } finally {
    ending?.[Symbol.dispose]();
    await clear(copy);
    for (const path of [folder, dirname(folder), stateFolder(config.source)]) {
      if (path === folder) rmSync(path, { recursive: true, force: true });
      else removeIfEmpty(path);
    }
  }
}

const LOCK = 'lock';
const EVERY_MS = 1_000;

/** Everything but the lock goes. */
async function clear(copy: string): Promise<void> {
  await removeEmbedded(stateFolder(copy));
  const folder = dirname(copy);
  for (const name of readdirSync(folder)) if (name !== LOCK) rmSync(join(folder, name), { recursive: true, force: true });
}

async function refuseWithoutRoom({ source }: Config, folder: string, { target, say }: Wanted): Promise<void> {
  const bytes = sizeOf(source);
  const { walBytes } = estimate({ rows: 0, bytes, keyBytes: 0 });
  const server = SERVER_BYTES + bytes * ROWS_PER_BYTE + Math.min(walBytes, MOST_WAL_BYTES);
  const needed = bytes * SPARE + (target === undefined ? server : 0);
  const free = await freeIn(folder);
  const reason = `the rehearsal needs about ${bytesText(needed)} in ${folder}, and ${bytesText(free)} are free`;
  if (free < needed) throw new Refused('there is no room for a rehearsal', [{ code: 'room', reason, remedy: ROOM }]);
  say(reason);
}

const ROOM = 'make room there; with --target the rows go to another server, and only the copy of the file stays here';

async function makeCopy(source: string, copy: string, { say, signal }: Wanted): Promise<void> {
  writeFileSync(copy, '', { mode: 0o600 });
  let told = performance.now();
  await backUp(source, copy, ({ pages, of }) => {
    signal.throwIfAborted();
    if (performance.now() - told < EVERY_MS) return;
    told = performance.now();
    const share = pages / Math.max(1, of);
    say(`copying the file: ${Math.floor(share * 100)} %`, share);
  });
}

const configFor = (config: Config, copy: string): Config => ({
  ...config,
  source: copy,
  target: undefined,
  flag: FlagPlaces.parse({ kind: 'file', path: join(dirname(copy), 'flag.env') }),
  hooks: HooksConfig.parse({}),
  backup: { ...config.backup, enabled: false },
  cutover: { ...config.cutover, roles: [] }, // of tables that were just made, nobody has granted anything
});

/** A configured schema is made by its owner; here that is nobody else. */
async function makeSchema(url: string, schema: string): Promise<void> {
  await using session = await connect(url, { applicationName: 'attacca rehearse' });
  await session.query(`create schema if not exists ${quote(schema)}`);
}

const running = (source: string): Refused =>
  new Refused('another rehearsal is under way', [
    { code: 'rehearsal-running', reason: `another process rehearses ${source} just now`, remedy: 'wait until it has ended' },
  ]);
