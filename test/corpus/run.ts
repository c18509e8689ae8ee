/*
 * `npm run test:corpus [-- --only NAME] [--schemas|--databases] [--seed N] [--json]`: real databases by other projects, from ../shared/corpus
 * beside the checkout or ATTACCA_CORPUS, each taken there and back. Ends with 1 where a readable file is not equal row for row, or anything
 * hangs, prints a stack trace, or drops an object without a word.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { journey, type Outcome } from './journey.ts';
import { seedOf } from './random.ts';

const CORPUS = process.env.ATTACCA_CORPUS ?? join(import.meta.dirname, '../../../shared/corpus');
const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    schemas: { type: 'boolean', default: false },
    databases: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const say = (text: string): void => void (options.json ? process.stderr : process.stdout).write(`${text}\n`);

if (!existsSync(CORPUS)) {
  say(`skipped: there is no corpus at ${CORPUS} (ATTACCA_CORPUS names another folder)`);
  process.exit(0);
}
const seed = Number(options.seed);
const folders = ['db', 'schema'].filter(folder =>
  options.schemas || options.databases ? (folder === 'schema' ? options.schemas : options.databases) : true,
);
const files = folders
  .flatMap(folder => readdirSync(join(CORPUS, folder)).map(name => ({ folder, name })))
  .filter(({ folder, name }) => options.only === undefined || `${folder}/${name}`.includes(options.only));

say(`${files.length} files, seed ${seed}`);
say(line(['file', 'tables', 'rows', 'differences', 'objects', 'named', 'made', 'changes', 's', 'result']));
const outcomes: Outcome[] = [];
for (const { folder, name } of files) {
  const file = `${folder}/${name}`;
  const outcome = await journey(file, join(CORPUS, folder, name), { seed: seedOf(seed, file), filled: folder === 'schema' });
  outcomes.push(outcome);
  const { tables, rows, differences, objects, named, made, changes, seconds } = outcome;
  say(line([file, tables, rows, differences, objects, named, made, changes.join('+'), seconds.toFixed(0), resultOf(outcome)]));
  for (const fault of outcome.faults) say(`      ${fault}`);
}

const readable = outcomes.filter(({ file }) => !file.includes('corrupt'));
const perfect = readable.filter(isPerfect);
const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((total, outcome) => total + of(outcome), 0);
const faulty = outcomes.filter(({ faults }) => faults.length > 0);
const totals = {
  files: outcomes.length,
  readable: readable.length,
  perfect: perfect.length,
  refused: outcomes.filter(({ refused }) => refused !== undefined).length,
  rows: sum(({ rows }) => rows),
  differences: sum(({ differences }) => differences),
  objects: sum(({ objects }) => objects),
  named: sum(({ named }) => named),
  made: sum(({ made }) => made),
  hangs: faulty.filter(({ faults }) => faults.some(fault => fault.startsWith('HANG'))).length,
  stackTraces: faulty.filter(({ faults }) => faults.some(fault => fault.startsWith('STACK'))).length,
};
say('');
say(
  Object.entries(totals)
    .map(([name, value]) => `${name} ${value}`)
    .join(', '),
);
if (options.json) process.stdout.write(`${JSON.stringify({ seed, totals, outcomes }, null, 2)}\n`);
process.exitCode = perfect.length === readable.length && faulty.length === 0 ? 0 : 1;

function isPerfect({ differences, refused, faults }: Outcome): boolean {
  return differences === 0 && refused === undefined && faults.length === 0;
}

function resultOf(outcome: Outcome): string {
  if (isPerfect(outcome)) return 'equal';
  return outcome.refused === undefined ? 'FAULT' : `refused: ${outcome.refused.slice(0, 300)}`;
}

function line(cells: readonly (string | number)[]): string {
  const widths = [34, 7, 7, 12, 8, 6, 6, 9, 5];
  return cells
    .map((cell, index) =>
      index === 0 ? String(cell).padEnd(34) : index < widths.length ? String(cell).padStart(widths[index] ?? 0) : ` ${cell}`,
    )
    .join('');
}
