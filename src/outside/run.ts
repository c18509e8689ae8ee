/*
 * Runs somebody else's program: without a shell, in a process group of its own, with a time limit after which the whole group is
 * killed, and nobody is listened to any more who has left it and holds stdout. What it says on stderr is not repeated anywhere, because it may hold secrets.
 */
import { type ChildProcess, spawn } from 'node:child_process';

export type Run = {
  readonly argv: readonly string[];
  /** What it finds on stdin. */
  readonly input: string;
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** Whether what it prints is wanted; otherwise it may leave others behind that hold its stdout open. */
  readonly capture: boolean;
};

const LARGEST = 64 * 1024;

/** Resolves with what it printed (nothing without `capture`). Throws an Error with the reason unless it ends with exit code 0. */
export async function run({ argv, input, env, timeoutMs, capture }: Run): Promise<string> {
  const [program = '', ...words] = argv;
  const child = spawn(program, words, { env, detached: true, stdio: ['pipe', capture ? 'pipe' : 'ignore', 'ignore'] });
  let printed = '';
  let failure: string | undefined;
  const end = (reason: string): void => {
    failure ??= reason;
    killGroup(child);
    child.stdout?.destroy();
  };
  const timer = setTimeout(() => end(`did not end within ${timeoutMs} ms and was killed`), timeoutMs);
  child.stdin?.on('error', () => undefined); // it need not read what it is given
  child.stdin?.end(input);
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    printed += piece;
    if (printed.length > LARGEST) end(`printed more than ${LARGEST} characters`);
  });
  const ended = await new Promise<string | undefined>(settle => {
    child.once('error', error => settle(`cannot be started: ${'code' in error ? String(error.code) : error.name}`));
    child.once('close', (code, signal) => settle(code === 0 ? undefined : `ended with ${signal ?? `exit code ${code}`}`));
  });
  clearTimeout(timer);
  const reason = failure ?? ended;
  if (reason !== undefined) throw new Error(`${program} ${reason}`);
  return printed;
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
