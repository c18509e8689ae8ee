/*
 * What a power failure leaves of a folder: every write, truncation, new name, rename and removal that a process made and that no fsync has
 * brought to the disk may be missing.
 *
 * (1) `strace` says what the process and its threads did, in order. What was there before is taken for durable.
 * (2) fsync of a file makes its content durable, fsync of its folder its names: no file system promises more.
 * (3) -shm files are memory, not disk: a machine that starts anew has none.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

const CALLS = 'openat,creat,write,pwrite64,pwritev,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,close';

/** Whether this machine can tell: strace is there and may look. */
export const canTrace = (): boolean => spawnSync('strace', ['-f', '-o', '/dev/null', '-e', 'trace=fsync', 'true']).status === 0;

export type Trace = {
  /** Resolves when the process has ended. */
  readonly ended: Promise<unknown>;
  /** The lines, each a whole call. */
  lines(): string[];
};

const OPTIONS = ['-f', '-y', '-xx', '-s', '100000000', '-e', `trace=${CALLS}`, '-e', 'signal=none'];

/** Writes down what `pid` does from now on. Resolves when nothing escapes any more. */
export async function trace(pid: number): Promise<Trace> {
  const file = join(tmpdir(), `attacca-trace-${process.pid}-${pid}`);
  const tracer = spawn('strace', [...OPTIONS, '-o', file, '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise(resolve => tracer.once('close', resolve));
  await attached(tracer, ended);
  return { ended, lines: () => linesOf(file) };
}

/** Runs a program to its end and gives what it did. */
export function traced(command: string, words: readonly string[]): string[] {
  const file = join(tmpdir(), `attacca-trace-${process.pid}`);
  const { status, stderr } = spawnSync('strace', [...OPTIONS, '-o', file, command, ...words], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return linesOf(file);
}

function attached(tracer: ChildProcess, ended: Promise<unknown>): Promise<unknown> {
  let said = '';
  const there = new Promise<void>(resolve =>
    tracer.stderr?.on('data', chunk => {
      said += chunk;
      if (/attached/.test(said)) resolve();
    }),
  );
  return Promise.race([
    there,
    ended.then(() => {
      throw new Error(`strace: ${said}`);
    }),
  ]);
}

/** A call that another thread interrupts is written in two parts. */
function linesOf(file: string): string[] {
  const begun = new Map<string, string>();
  const lines: string[] = [];
  const text = readFileSync(file, 'latin1');
  rmSync(file);
  for (const line of text.split('\n')) {
    const [, pid = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const unfinished = rest.indexOf(' <unfinished ...>');
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    if (unfinished >= 0) begun.set(pid, rest.slice(0, unfinished));
    else if (resumed !== null) lines.push(`${begun.get(pid) ?? ''}${resumed[1]}`);
    else if (rest !== '') lines.push(rest);
  }
  return lines;
}

/** The files of a folder, by name. */
export type Image = ReadonlyMap<string, Buffer>;

export function imageOf(folder: string): Image {
  const names = readdirSync(folder).filter(name => statSync(join(folder, name)).isFile() && !name.endsWith('-shm'));
  return new Map(names.map(name => [name, readFileSync(join(folder, name))]));
}

/** Puts the image in the place of what is in the folder. */
export function restore(folder: string, image: Image): void {
  for (const name of readdirSync(folder)) if (statSync(join(folder, name)).isFile()) rmSync(join(folder, name));
  for (const [name, content] of image) writeFileSync(join(folder, name), content);
}

type Write = (content: Buffer) => Buffer;
/** A file, by whatever names it has: what is on the disk, and what only the cache knows. */
type File = { durable: Buffer; pending: Write[] };
type Named = Map<string, File>;

/**
 * What is left of `base` after the calls in `lines`. `survives`: whether something that was not synced made it to the disk all the same;
 * asked for each.
 */
export function durable(base: Image, folder: string, lines: readonly string[], survives: () => boolean = () => false): Image {
  const names: Named = new Map([...base].map(([name, content]) => [name, { durable: content, pending: [] }]));
  const onDisk: Named = new Map(names);
  let moves: ((names: Named) => void)[] = [];
  const move = (change: (names: Named) => void): void => {
    change(names);
    moves.push(change);
  };
  const written = new Map<string, number>();
  const fileIn = (path: string): File | undefined => (dirname(path) === folder ? names.get(basename(path)) : undefined);

  for (const line of lines) {
    const call = parse(line);
    if (call === undefined) continue;
    const { name, path, args, result } = call;
    const file = path === undefined ? undefined : fileIn(path);
    if (name === 'openat' && path !== undefined && dirname(path) === folder) {
      if (args.includes('O_TRUNC') && file !== undefined) file.pending.push(() => Buffer.alloc(0));
      if (args.includes('O_CREAT') && file === undefined && !path.endsWith('-shm')) {
        const made: File = { durable: Buffer.alloc(0), pending: [] };
        move(all => all.set(basename(path), made));
      }
      written.set(path, 0);
    } else if (name === 'pwrite64' && file !== undefined) {
      const [data, , offset] = split(args);
      file.pending.push(at(bytes(data), Number(offset)));
    } else if (name === 'write' && file !== undefined && path !== undefined) {
      const offset = written.get(path) ?? 0;
      const [data] = split(args);
      file.pending.push(at(bytes(data).subarray(0, result), offset));
      written.set(path, offset + result);
    } else if (name === 'ftruncate' && file !== undefined) {
      const length = Number(split(args)[0]);
      file.pending.push(content => at(Buffer.alloc(0), length)(content).subarray(0, length));
    } else if (name === 'fsync' || name === 'fdatasync') {
      if (path === folder) {
        for (const change of moves) change(onDisk);
        moves = [];
      }
      if (file !== undefined) {
        file.durable = file.pending.reduce((content, write) => write(content), file.durable);
        file.pending = [];
      }
    } else if (name === 'unlink' || name === 'unlinkat') {
      const [gone] = pathsIn(args);
      if (gone !== undefined && fileIn(gone) !== undefined) move(all => all.delete(basename(gone)));
    } else if (name.startsWith('rename')) {
      const [from, to] = pathsIn(args);
      const moved = from === undefined ? undefined : fileIn(from);
      if (moved !== undefined && from !== undefined && to !== undefined)
        move(all => {
          all.delete(basename(from));
          all.set(basename(to), moved);
        });
    } else if (name === 'pwritev' && file !== undefined) throw new Error('pwritev is not understood');
  }
  for (const change of moves) if (survives()) change(onDisk);
  return new Map(
    [...onDisk].map(([name, { durable, pending }]) => [
      name,
      pending.reduce((content, write) => (survives() ? write(content) : content), durable),
    ]),
  );
}

/** The content with `data` at `offset`; what lies between is zero. */
const at =
  (data: Buffer, offset: number): Write =>
  content => {
    const grown = Buffer.alloc(Math.max(content.length, offset + data.length));
    content.copy(grown);
    data.copy(grown, offset);
    return grown;
  };

type Call = { readonly name: string; readonly path: string | undefined; readonly args: string; readonly result: number };

/** `name(fd<path>, args) = result`; undefined for a call that failed. */
function parse(line: string): Call | undefined {
  const [, name, inside, result] = /^(\w+)\((.*)\)\s+= (\d+)/s.exec(line) ?? [];
  if (name === undefined || inside === undefined) return undefined;
  if (name === 'openat' || name === 'creat') {
    const opened = /= \d+<([^>]*)>/.exec(line)?.[1];
    return { name: 'openat', path: opened === undefined ? undefined : text(opened), args: inside, result: 0 };
  }
  const [, path, args] = /^\d+<([^>]*)>(?:, )?(.*)$/s.exec(inside) ?? [];
  return { name, path: path === undefined ? undefined : text(path), args: args ?? inside, result: Number(result) };
}

const bytes = (quoted = ''): Buffer => Buffer.from(quoted.replaceAll(/["]|\\x/g, ''), 'hex');
const text = (escaped: string): string => bytes(escaped).toString('utf8');
const split = (args: string): string[] => args.split(', ');
const pathsIn = (args: string): string[] => [...args.matchAll(/"([^"]*)"/g)].map(([, path]) => text(path ?? ''));
