import { UsageError } from '../change/errors.ts';
import { plain } from '../change/plain.ts';
import { checkFile } from '../sqlite/open.ts';
import type { Context } from './main.ts';

/**
 * Asks on a terminal, about a file that is there; elsewhere only --yes will do. Throws UsageError when the answer is no, or nobody can
 * be asked.
 */
export async function confirm({ output, config }: Context, yes: boolean | undefined, question: string): Promise<void> {
  checkFile(config().source, true);
  if (yes === true) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY || output.json) {
    throw new UsageError('this changes who is primary or removes things, and nobody can be asked here', 'add --yes if you mean it');
  }
  const { confirm: prompt, isCancel } = await import('@clack/prompts');
  const ended = new AbortController();
  const end = (): void => ended.abort();
  process.once('beforeExit', end); // Ctrl-D only closes the input: the process would end here, unanswered and with code 0
  const answer = await prompt({ message: plain(question), initialValue: false, output: process.stderr, signal: ended.signal });
  process.off('beforeExit', end);
  if (isCancel(answer) || !answer) throw new UsageError('not confirmed: nothing was done', 'run it again and answer yes, or add --yes');
}
