import { isCancel, confirm as prompt } from '@clack/prompts';
import { UsageError } from '../change/errors.ts';
import type { Output } from './report.ts';

/** Asks on a terminal; elsewhere only --yes will do. Throws UsageError when the answer is no, or nobody can be asked. */
export async function confirm(output: Output, yes: boolean, question: string): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY || output.json) {
    throw new UsageError('this changes who is primary or removes things, and nobody can be asked here', 'add --yes if you mean it');
  }
  const answer = await prompt({ message: question, initialValue: false, output: process.stderr });
  if (isCancel(answer) || !answer) throw new UsageError('not confirmed: nothing was done', 'run it again and answer yes, or add --yes');
}
