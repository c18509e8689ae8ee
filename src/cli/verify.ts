import { VerifyDocument } from '../server/documents.ts';
import { ask } from './ask.ts';
import type { Context } from './main.ts';
import { EXIT, present } from './report.ts';
import { page } from './verify-page.ts';
import { lines } from './verify-text.ts';
import { outputTo } from './write.ts';

type VerifyFlags = {
  readonly table?: string[];
  readonly repair?: boolean;
  readonly resume?: boolean;
  readonly nice?: number;
  readonly rowsPerSecond?: number;
  readonly html?: string;
};

/** `attacca verify`: exit code 4 if the sides differ. */
export async function verify(context: Context, { table: tables, repair, resume, nice, rowsPerSecond, html }: VerifyFlags): Promise<number> {
  const write = outputTo(html, context.config().source);
  const call = {
    operation: 'verify',
    tables: tables ?? [],
    repair: repair === true,
    ...(resume === true ? { resume } : {}),
    ...(nice === undefined ? {} : { nice }),
    ...(rowsPerSecond === undefined ? {} : { rowsPerSecond }),
  } as const;
  const { document } = await ask(context, call, VerifyDocument);
  write(() => page(document));
  present(context.output, document, () => lines(document));
  return document.ok ? EXIT.done : EXIT.differ;
}
