/*
 * A flag in a file that the application reads. Everything in the file that is not the flag stays as it is.
 *
 * It is written without a turn of the event loop: the application waits meanwhile, and each of the twenty steps, left to another
 * thread, would come back when a busy machine has a core to spare. Reading is what the application does too, so that waits.
 */
import { accessSync, constants, readFileSync, statSync, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { messageOf, ReplicationError } from '../change/errors.ts';
import type { FlagConfig } from './config.ts';
import { dotenv } from './dotenv.ts';
import type { FlagProvider, FlagState } from './flag.ts';
import { flagd } from './flagd.ts';
import { type Format, unreadable } from './format.ts';
import { json } from './json.ts';
import { behindLinks, ifPresent, makeDurable, missing, replaceFile, stage, temporaryOf, unstage } from './replace.ts';
import { older } from './verified.ts';

const FORMATS: Readonly<Record<FlagConfig['format'], Format>> = { dotenv, json, flagd };

export function fileFlag(config: FlagConfig): FlagProvider {
  return {
    read: () => io(config, async () => parsed(config, await readFile(config.path).catch(missing))),
    write: state => io(config, async () => write(config, state)),
    check: async () => check(config),
    describe: () => `${config.key} in ${config.path} (${config.format})`,
    watch: (wake, signal) => watchFolder(config.path, wake, signal),
    ahead: state => attempt(() => ahead(config, state)),
    tidy: () => attempt(() => unstage(behindLinks(config.path))),
  };
}

const read = (config: FlagConfig): FlagState | undefined => parsed(config, bytesOf(config));

const bytesOf = (config: FlagConfig): Buffer | undefined => ifPresent(() => readFileSync(config.path));

function parsed(config: FlagConfig, bytes: Buffer | undefined): FlagState | undefined {
  return bytes === undefined ? undefined : FORMATS[config.format].read(textOf(config, bytes), config);
}

/** Rewriting the bytes of a file that is not UTF-8 would change what we do not own, so such a file is refused. */
function textOf(config: FlagConfig, bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) throw unreadable(config, 'it is not UTF-8 text');
  return text;
}

const same = (a: FlagState | undefined, b: FlagState): boolean => a !== undefined && a.primary === b.primary && a.epoch === b.epoch;

function write(config: FlagConfig, state: FlagState): void {
  const { path, text } = next(config, state);
  if (text === undefined) makeDurable(path);
  else replaceFile(path, text);
  if (!same(read(config), state)) throw unreadable(config, 'it reads back differently from what was just written');
}

/** What the file is to hold for the flag to be `state`; undefined where it is. */
function next(config: FlagConfig, state: FlagState): { readonly path: string; readonly text: string | undefined } {
  const bytes = bytesOf(config);
  const before = bytes === undefined ? undefined : textOf(config, bytes);
  const path = behindLinks(config.path);
  const current = before === undefined ? undefined : FORMATS[config.format].read(before, config);
  if (current !== undefined && current.epoch > state.epoch) throw older(`file ${config.path}`, current.epoch, state.epoch);
  return { path, text: same(current, state) ? undefined : FORMATS[config.format].write(before, config, state) };
}

/** Who watches the folder sees the file come that is to replace the flag's. */
function ahead(config: FlagConfig, state: FlagState): void {
  const { path, text } = next(config, state);
  if (text !== undefined) stage(path, text);
}

/** For what is only a help. */
function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // Whatever is in the way of it is in the way of a write as well, and the gate's to say.
  }
}

/** File system errors heal when somebody makes room or grants the right, and after the fence the only way is forward: retry. */
async function io<T>(config: FlagConfig, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ReplicationError) throw error;
    throw new ReplicationError('retry', `flag file ${config.path} cannot be read or written: ${messageOf(error)}`, {
      hint: `make ${config.path} and its folder readable and writable for the user that runs attacca`,
      cause: error,
    });
  }
}

function check(config: FlagConfig): string | undefined {
  try {
    const bytes = bytesOf(config);
    parsed(config, bytes);
    const path = behindLinks(config.path);
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
    return (bytes === undefined ? undefined : FORMATS[config.format].obstacle?.(textOf(config, bytes), config)) ?? replaceable(path);
  } catch (error) {
    return error instanceof ReplicationError ? error.message : `flag file ${config.path}: ${messageOf(error)}`;
  }
}

/** A file that cannot be renamed over, or not without changing its owner. */
function replaceable(path: string): string | undefined {
  const file = ifPresent(() => statSync(path));
  if (file === undefined) return undefined;
  if (!file.isFile()) return `${path} is not a regular file`;
  const user = process.geteuid?.();
  if (user !== undefined && user !== 0 && user !== file.uid)
    return `${path} belongs to another user, so it cannot be replaced without changing its owner`;
  const mounted = ifPresent(() => readFileSync('/proc/self/mountinfo', 'utf8')) ?? '';
  const mounts = mounted.split('\n').map(line => line.split(' ')[4]);
  return mounts.includes(path) ? `${path} is a mount of its own, which cannot be replaced: mount its folder instead` : undefined;
}

/** Watches the folder: a file that is replaced by a rename is another file, and a watch on the old one stays silent. */
function watchFolder(path: string, wake: () => void, signal: AbortSignal): void {
  try {
    const real = behindLinks(path);
    const names: readonly (string | null)[] = [null, basename(real), basename(temporaryOf(real))];
    const watcher = watch(dirname(real), { persistent: false, signal }, (_, name) => {
      if (names.includes(name)) wake();
    });
    watcher.on('error', () => watcher.close()); // the folder is gone: polling goes on
  } catch {
    // No folder to watch: polling goes on.
  }
}
