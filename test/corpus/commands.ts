/*
 * The real binary, with a limit: what does not end is a hang, and what prints a stack is a defect.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';

const BINARY = resolve(import.meta.dirname, '../../dist/bin.cjs');

export class Defect extends Error {}

export type Ran = { readonly code: number; readonly document: Readonly<Record<string, unknown>> };

export type Commands = {
  /** Runs a command with --json to its end; throws Defect for a hang, a stack trace, or another exit code than these. */
  run(codes: readonly number[], ...words: string[]): Promise<Ran>;
  /** Starts the daemon. */
  daemon(): Daemon;
};
export type Daemon = { readonly process: ChildProcess; readonly exited: Promise<number | null>; log(): string };

const STACK = /^\s+at .+(?:\(.*:\d+:\d+\)|:\d+:\d+)\)?$|internal error|unhandled|TypeError|ReferenceError|RangeError/im;

export function commandsFor(config: string, limitMs: number): Commands {
  return {
    async run(codes, ...words) {
      const ran = await started([...words, '--json', '--config', config], limitMs);
      const what = `attacca ${words.join(' ')}`;
      if (ran.code === null) throw new Defect(`HANG: ${what} did not end within ${limitMs / 1_000} s`);
      soundOrThrow(what, ran.stdout + ran.stderr);
      const document = parsed(ran.stdout);
      if (!codes.includes(ran.code)) throw new Defect(`${what}: exit code ${ran.code}: ${sentence(document, ran.stderr)}`);
      return { code: ran.code, document };
    },
    daemon() {
      const child = spawn(process.execPath, [BINARY, 'sync', '--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
      let log = '';
      child.stderr.on('data', chunk => {
        log = (log + chunk).slice(-50_000);
      });
      return { process: child, exited: new Promise(settle => child.once('exit', settle)), log: () => log };
    },
  };
}

/** Throws Defect where a text has a stack trace or speaks of an internal error. */
export function soundOrThrow(what: string, text: string): void {
  const found = STACK.exec(text);
  if (found !== null) throw new Defect(`STACK TRACE: ${what}: ${text.slice(Math.max(0, found.index - 300), found.index + 300)}`);
}

/** What a document of a failure or refusal says. */
export function sentence(document: Readonly<Record<string, unknown>>, otherwise = ''): string {
  const blockers = Array.isArray(document.blockers) ? document.blockers : [];
  const reasons = blockers.map(blocker => `${blocker.code}: ${blocker.reason}`);
  const findings = (Array.isArray(document.findings) ? document.findings : [])
    .filter(({ level }) => level === 'blocking')
    .map(({ message }) => message);
  const error = typeof document.error === 'string' ? [document.error] : [];
  return [...error, ...reasons, ...findings].join('; ').replaceAll(/\s+/g, ' ') || otherwise.trim().slice(-500);
}

type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

function started(words: readonly string[], limitMs: number): Promise<Ended> {
  return new Promise(settle => {
    const child = spawn(process.execPath, [BINARY, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr, late] = ['', '', false];
    const limit = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, limitMs);
    child.stdout.on('data', chunk => {
      stdout += chunk;
    });
    child.stderr.on('data', chunk => {
      stderr += chunk;
    });
    child.once('close', code => {
      clearTimeout(limit);
      settle({ code: late ? null : (code ?? -1), stdout, stderr });
    });
  });
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
