/*
 * How a command speaks: data on stdout, everything else on stderr; with --json one document on stdout and nothing else there.
 * Every failure is one sentence, then what to do; the exit code is the contract's.
 */
import { styleText } from 'node:util';
import { messageOf, Refused, ReplicationError, UsageError } from '../change/errors.ts';
import { plain } from '../change/plain.ts';

export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, differ: 4 } as const;

export type Output = {
  readonly json: boolean;
  /** One document follows the other, each on a line. */
  readonly lines?: boolean;
  readonly quiet: boolean;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
};

type Spoken = Pick<NodeJS.Process, 'stdout' | 'stderr' | 'once' | 'exitCode'>;

/**
 * A reader that goes away (`| head`) stops nothing: what is under way goes on unheard. Data that cannot be written for another reason,
 * such as a full disk, is said so once, and the command has failed. Call it before the first word.
 */
export function unheard(process: Spoken): void {
  process.stderr.on('error', () => undefined); // there is nowhere left to say it
  let lost = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (lost || error.code === 'EPIPE') return;
    lost = true;
    fail({ json: false, quiet: false, stdout: process.stdout, stderr: process.stderr }, unwritten(error), false);
    process.once('exit', () => {
      process.exitCode = process.exitCode || EXIT.failed;
    });
  });
}

const unwritten = (cause: Error): ReplicationError =>
  new ReplicationError('halt', `the output cannot be written: ${cause.message}`, {
    hint: 'make room there and ask again; what the command was to change is changed, and `attacca status` says how it stands',
    cause,
  });

const print = (output: Output, document: unknown): void =>
  void output.stdout.write(`${JSON.stringify(document, null, output.lines === true ? 0 : 2)}\n`);

/** The document if --json was given, else the lines. */
export function present(output: Output, document: unknown, lines: () => readonly string[]): void {
  if (output.json) print(output, document);
  else for (const line of lines()) output.stdout.write(`${plain(line)}\n`);
}

/** A line about work under way. */
export function progress(output: Output, line: string): void {
  if (!output.quiet) output.stderr.write(`${styleText('dim', plain(line), { stream: output.stderr })}\n`);
}

/** Says what went wrong and returns the exit code. Stacks only where ATTACCA_DEBUG is set: a user can do nothing with them. */
export function fail(output: Output, error: unknown, debug: boolean): number {
  const exitCode = exitCodeOf(error);
  const message = messageOf(error);
  const hint = error instanceof ReplicationError || error instanceof UsageError ? error.hint : null;
  const blockers = error instanceof Refused ? error.blockers : [];
  if (output.json) print(output, { error: message, hint, blockers, exitCode });
  const [first = '', ...more] = message.split('\n');
  const say = (line: string): void => void output.stderr.write(`${plain(line)}\n`);
  output.stderr.write(`${styleText('red', 'attacca:', { stream: output.stderr })} `);
  say(first);
  for (const line of more) say(`  ${line}`);
  for (const { code, reason, remedy } of blockers) [`  ${code}: ${reason}`, `    → ${remedy}`].forEach(say);
  if (hint !== null && hint !== '') say(`  → ${hint}`);
  if (debug && error instanceof Error) output.stderr.write(`${error.stack ?? ''}\n`);
  return exitCode;
}

function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof Refused) return EXIT.refused;
  return EXIT.failed;
}

/** Columns padded to their widest cell; the last one is left as it is. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => (row[column] ?? '').length)));
  return rows.map(row =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
