import { constants, watch } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { ReplicationError } from '../change/errors.ts';
import type { FlagConfig } from './config.ts';
import { dotenv } from './dotenv.ts';
import type { FlagProvider, FlagState } from './flag.ts';
import { flagd } from './flagd.ts';
import { type Format, unreadable } from './format.ts';
import { json } from './json.ts';
import { behindLinks, ifPresent, makeDurable, replaceFile } from './replace.ts';

const FORMATS: Readonly<Record<FlagConfig['format'], Format>> = { dotenv, json, flagd };

/** A flag in a file that the application reads. Everything in the file that is not the flag stays as it is. */
export function fileFlag(config: FlagConfig): FlagProvider {
  return {
    read: () => io(config, () => read(config)),
    write: state => io(config, () => write(config, state)),
    check: () => check(config),
    describe: () => `${config.key} in ${config.path} (${config.format})`,
    watch: (wake, signal) => watchFolder(config.path, wake, signal),
  };
}

async function read(config: FlagConfig): Promise<FlagState | undefined> {
  const text = await content(config);
  return text === undefined ? undefined : FORMATS[config.format].read(text, config);
}

/** Rewriting the bytes of a file that is not UTF-8 would change what we do not own, so such a file is refused. */
async function content(config: FlagConfig): Promise<string | undefined> {
  const bytes = await ifPresent(readFile(config.path));
  if (bytes === undefined) return undefined;
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) throw unreadable(config, 'it is not UTF-8 text');
  return text;
}

const same = (a: FlagState | undefined, b: FlagState): boolean => a !== undefined && a.primary === b.primary && a.epoch === b.epoch;

async function write(config: FlagConfig, state: FlagState): Promise<void> {
  const text = await content(config);
  const path = await behindLinks(config.path);
  const current = text === undefined ? undefined : FORMATS[config.format].read(text, config);
  if (current !== undefined && current.epoch > state.epoch) throw older(config, current.epoch, state.epoch);
  if (same(current, state)) return makeDurable(path);
  await replaceFile(path, FORMATS[config.format].write(text, config, state));
  if (!same(await read(config), state)) throw unreadable(config, 'it reads back differently from what was just written');
}

const older = (config: FlagConfig, found: bigint, wanted: bigint): ReplicationError =>
  new ReplicationError('halt', `flag file ${config.path} is at epoch ${found}, newer than ${wanted}`, {
    hint: 'Another controller, or another installation, has switched this flag since: find out which one is right.',
  });

/** File system errors heal when somebody makes room or grants the right, and after the fence the only way is forward: retry. */
async function io<T>(config: FlagConfig, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ReplicationError) throw error;
    throw new ReplicationError('retry', `flag file ${config.path} cannot be read or written: ${message(error)}`, {
      hint: `Make ${config.path} and its folder readable and writable for the user that runs attacca.`,
      cause: error,
    });
  }
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function check(config: FlagConfig): Promise<string | undefined> {
  try {
    const text = await content(config);
    if (text !== undefined) FORMATS[config.format].read(text, config);
    const path = await behindLinks(config.path);
    await access(dirname(path), constants.W_OK | constants.X_OK);
    return (text === undefined ? undefined : FORMATS[config.format].obstacle?.(text, config)) ?? (await replaceable(path));
  } catch (error) {
    return message(error);
  }
}

/** A file that cannot be renamed over, or not without changing its owner. */
async function replaceable(path: string): Promise<string | undefined> {
  const file = await ifPresent(stat(path));
  if (file === undefined) return undefined;
  if (!file.isFile()) return `${path} is not a regular file`;
  const user = process.geteuid?.();
  if (user !== undefined && user !== 0 && user !== file.uid)
    return `${path} belongs to another user, so it cannot be replaced without changing its owner`;
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')).split('\n').map(line => line.split(' ')[4]);
  return mounts.includes(path) ? `${path} is a mount of its own, which cannot be replaced: mount its folder instead` : undefined;
}

/** Watches the folder: a file that is replaced by a rename is another file, and a watch on the old one stays silent. */
function watchFolder(path: string, wake: () => void, signal: AbortSignal): void {
  void behindLinks(path)
    .then(real => {
      if (signal.aborted) return;
      const watcher = watch(dirname(real), { persistent: false, signal }, (_, name) => {
        if (name === null || name === basename(real)) wake();
      });
      watcher.on('error', () => watcher.close()); // the folder is gone: polling goes on
      wake(); // a change between the last look and this moment made no event
    })
    .catch(() => {}); // no folder to watch: polling goes on
}
