import { existsSync } from 'node:fs';
import { UsageError } from '../change/errors.ts';
import { planSql } from '../plan/ddl/ddl.ts';
import { printPlan } from '../plan/file/file.ts';
import { DoneDocument } from '../server/documents.ts';
import { traceless } from '../sqlite/file/traces.ts';
import { openSource, PATIENT_MS } from '../sqlite/open.ts';
import { ask } from './ask.ts';
import { showing } from './bar.ts';
import { blocked } from './engine/decide/bootstrap.ts';
import { decidePlan } from './engine/decide/deciding.ts';
import { saying } from './engine/tell/reckoning.ts';
import type { Context } from './main.ts';
import { EXIT, fail, present } from './report.ts';
import { outputTo } from './write.ts';

/** `attacca plan`: the mapping for people to review and edit, or with --sql the DDL it leads to. */
export async function plan(
  context: Context,
  options: { readonly plan?: string; readonly out?: string; readonly sql?: boolean; readonly widen?: boolean; readonly table?: string[] },
): Promise<number> {
  if (options.widen === true) return await widen(context, options.table ?? []);
  if (options.table !== undefined) throw new UsageError('--table says what is widened', 'give --widen too; a plan is always of all tables');
  if (options.sql === true && context.output.json && options.out === undefined)
    throw new UsageError('--sql prints SQL, and --json a document', 'give one of them, or --out for the SQL');
  const { source, schema, waive, plan: inFile } = context.config();
  const configured = context.env.ATTACCA_PLAN || inFile;
  // It may be what is to be written for the first time.
  const planFile = options.plan ?? (configured !== undefined && existsSync(configured) ? configured : undefined);
  const write = outputTo(options.out, source);
  using _traces = traceless(source);
  using db = openSource(source, { readonly: true, untouched: true, readWaitMs: PATIENT_MS });
  const { plan, findings } = showing(context.output, say =>
    decidePlan(db, { schema, planFile, waive, onProgress: saying(say, 'reading') }),
  );
  const text = options.sql === true ? planSql(plan) : printPlan(plan, findings);
  write(() => text);
  const document = { file: options.out ?? null, tables: plan.tables.length, findings: [...findings], plan };
  if (options.out === undefined && !context.output.json) context.output.stdout.write(text);
  else present(context.output, document, () => [`${options.out}: ${plan.tables.length} tables`]);
  const refused = blocked(findings);
  if (refused === undefined) return EXIT.done;
  return context.output.json ? EXIT.refused : fail(context.output, refused, false); // a document has them all
}

/** `attacca plan --widen`: the plan in force, with columns in which every stored value fits. */
async function widen(context: Context, tables: readonly string[]): Promise<number> {
  const { document } = await ask(context, { operation: 'widen', tables: [...tables] }, DoneDocument);
  present(context.output, document, () => [document.detail]);
  return EXIT.done;
}
