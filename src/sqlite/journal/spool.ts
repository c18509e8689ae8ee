/*
 * A large batch waits in a file while Postgres takes it: neither memory nor a read lock on the application's database
 * may be held that long. The file has no name, so nothing is left behind however the process ends.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Slice } from '../../change/change.ts';
import { messageOf, ReplicationError } from '../../change/errors.ts';

const BLOCK_BYTES = 1 << 18;

export type Spool = {
  write(slice: Slice): void;
  /** Every slice written, in order; any number of times. */
  slices(): Iterable<Slice>;
  [Symbol.dispose](): void;
};

const forgotten = new FinalizationRegistry<number>(closeSync);

/** Opens an empty spool in the temp folder. */
export function openSpool(): Spool {
  const file = nameless();
  let open = true;
  const spool: Spool = {
    write(slice) {
      writeAll(file, Buffer.from(`${JSON.stringify(slice)}\n`));
    },
    *slices() {
      // JSON of strings and numbers only: it reads back as what it was.
      for (const line of lines(file)) yield JSON.parse(line) as Slice;
    },
    [Symbol.dispose]() {
      if (!open) return;
      open = false;
      forgotten.unregister(spool);
      closeSync(file);
    },
  };
  forgotten.register(spool, file, spool);
  return spool;
}

/** The file's name is gone as soon as it is open. */
function nameless(): number {
  try {
    const folder = mkdtempSync(join(tmpdir(), 'attacca-'));
    const file = openSync(join(folder, 'spool'), 'wx+', 0o600);
    rmSync(folder, { recursive: true });
    return file;
  } catch (error) {
    throw unusable(full(error));
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
  } catch (error) {
    throw full(error);
  }
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The batch waits: nothing of it was applied, and it is read again. */
function full(error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && FULL.has(String(error.code)))) return error;
  return new ReplicationError('retry', `the temp folder ${tmpdir()} is full: a large batch waits there`, {
    hint: 'free space there, or set TMPDIR to a folder that has some and start attacca again; it goes on by itself',
    cause: error,
  });
}

/** A folder that is not there, or that this user may not write, only a person can change. */
function unusable(error: unknown): unknown {
  if (error instanceof ReplicationError) return error;
  const reason = messageOf(error);
  return new ReplicationError('halt', `a large batch cannot wait in the temp folder ${tmpdir()}: ${reason}`, {
    hint: 'set TMPDIR to a folder that this user may write, then start attacca again; nothing is lost',
    cause: error,
  });
}

function* lines(file: number): Iterable<string> {
  const block = Buffer.alloc(BLOCK_BYTES);
  let position = 0;
  let parts: Buffer[] = [];
  for (;;) {
    const length = readSync(file, block, 0, block.length, position);
    if (length === 0) return;
    position += length;
    let start = 0;
    for (let end = block.indexOf(10); end >= 0 && end < length; end = block.indexOf(10, start)) {
      yield Buffer.concat([...parts, block.subarray(start, end)]).toString();
      parts = [];
      start = end + 1;
    }
    parts.push(Buffer.from(block.subarray(start, length)));
  }
}
