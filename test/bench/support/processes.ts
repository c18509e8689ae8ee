/* Programs that are measured run as processes of their own, as a user would run them. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const BINARY = resolve('dist/bin.cjs');
const POLL_MS = 20;

export type Ran = { readonly seconds: number; readonly stdout: string; readonly peakMb: number };

/** Whether a program is installed. */
export const installed = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/** Runs a program to its end. Throws with its output if it fails. */
export async function run(program: string, words: readonly string[]): Promise<Ran> {
  const since = performance.now();
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  let peakMb = 0;
  child.stdout.on('data', chunk => {
    stdout += chunk;
  });
  child.stderr.on('data', chunk => {
    stderr = (stderr + chunk).slice(-4_000);
  });
  const poll = setInterval(() => {
    peakMb = Math.max(peakMb, peakOf(child.pid ?? 0));
  }, POLL_MS);
  const code = await new Promise<number | null>((settle, fail) => {
    child.once('error', fail);
    child.once('close', settle);
  }).finally(() => clearInterval(poll));
  if (code !== 0) throw new Error(`${program} ${words.join(' ')} ended with ${code}:\n${stdout.slice(-2_000)}${stderr}`);
  return { seconds: (performance.now() - since) / 1_000, stdout, peakMb };
}

/** Most memory that a process and its children have had at once, in MB, as the kernel counts it; 0 where there is no /proc. */
function peakOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1_024 + children.reduce((sum, child) => sum + peakOf(Number(child)), 0);
  } catch {
    return 0;
  }
}

/** `attacca sync --once`: everything from the start of the process to its end. */
export const syncOnce = (source: string, target: string): Promise<Ran> =>
  run(process.execPath, [BINARY, 'sync', '--once', '--quiet', '--json', '--source', source, '--target', target]);

/** `attacca verify`, which does the work itself where no daemon runs. */
export const verifyOnce = (source: string, target: string): Promise<Ran> => attacca('verify', source, target);

/** Any other command, with the daemon where one runs. */
export const attacca = (command: string, source: string, target: string, ...words: readonly string[]): Promise<Ran> =>
  run(process.execPath, [BINARY, command, '--quiet', '--json', '--source', source, '--target', target, ...words]);

/** The daemon; stop it with `stop`, which waits for its end. */
export function startDaemon(source: string, target: string): { stop(): Promise<void>; peakMb(): number } {
  const child = spawn(process.execPath, [BINARY, 'sync', '--quiet', '--source', source, '--target', target], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise(settle => child.once('close', settle));
  return {
    peakMb: () => peakOf(child.pid ?? 0),
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
