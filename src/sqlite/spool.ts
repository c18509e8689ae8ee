/*
 * A large batch waits in a file while Postgres takes it: neither memory nor a read lock on the application's database
 * may be held that long. The file has no name, so nothing is left behind however the process ends.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Slice } from '../change/change.ts';

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
  const folder = mkdtempSync(join(tmpdir(), 'attacca-'));
  const file = openSync(join(folder, 'spool'), 'wx+', 0o600);
  rmSync(folder, { recursive: true });
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

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
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
