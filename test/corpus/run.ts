/*
 * `npm run test:corpus [-- --only NAME,NAME] [--databases] [--schemas] [--odd] [--seed N] [--json]`: real databases by other projects, from ../shared/corpus
 * beside the checkout or ATTACCA_CORPUS, and odd ones made here, each taken there and back. Ends with 1 where a readable file is not equal row for row, or anything
 * hangs, prints a stack trace, or drops an object without a word.
 */
import { chmodSync, copyFileSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CORPUS } from '../support/corpus.ts';
import { misunderstood, whole, words } from '../support/words.ts';
import { INVENTED } from './invented.ts';
import { INVENTED_MORE } from './invented-more.ts';
import { journey, type Outcome } from './journey.ts';
import { build, ODD } from './odd.ts';
import { ODDER } from './odder.ts';
import { seedOf } from './random.ts';

const { values: options } = words({
  options: {
    only: { type: 'string' },
    schemas: { type: 'boolean', default: false },
    databases: { type: 'boolean', default: false },
    odd: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const say = (text: string): void => void (options.json ? process.stderr : process.stdout).write(`${text}\n`);

type File = { readonly folder: string; readonly name: string; readonly make: (path: string) => void };
const kinds = { db: options.databases, schema: options.schemas, odd: options.odd };
const every = !Object.values(kinds).some(Boolean);
if (!existsSync(CORPUS)) say(`skipped: there is no corpus at ${CORPUS} (ATTACCA_CORPUS names another folder)`);
const real = (['db', 'schema'] as const).filter(folder => existsSync(CORPUS) && (every || kinds[folder])).flatMap(filesIn);
const odd =
  every || kinds.odd
    ? Object.entries({ ...ODD, ...ODDER, ...INVENTED, ...INVENTED_MORE }).map(
        ([name, what]): File => ({ folder: 'odd', name, make: path => build(path, what) }),
      )
    : [];
const files = [...real, ...odd].filter(
  ({ folder, name }) => options.only === undefined || options.only.split(',').some(part => `${folder}/${name}`.includes(part)),
);
if (options.only !== undefined && files.length === 0) misunderstood(`no file has ${options.only} in its name`);
const seed = whole('--seed', options.seed);

say(`${files.length} files, seed ${seed}`);
say(line(['file', 'tables', 'rows', 'differences', 'objects', 'named', 'made', 'changes', 's', 'result']));
const outcomes: Outcome[] = [];
for (const { folder, name, make } of files) {
  const file = `${folder}/${name}`;
  const outcome = await journey(file, make, { seed: seedOf(seed, file), filled: folder === 'schema' });
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

function filesIn(folder: string): File[] {
  return readdirSync(join(CORPUS, folder)).map(name => ({
    folder,
    name,
    make(path) {
      copyFileSync(join(CORPUS, folder, name), path);
      chmodSync(path, 0o644);
    },
  }));
}

function isPerfect({ differences, refused, faults }: Outcome): boolean {
  return differences === 0 && refused === undefined && faults.length === 0;
}

function resultOf(outcome: Outcome): string {
  const { dropped } = outcome;
  if (isPerfect(outcome))
    return dropped.length === 0 ? 'equal' : `equal, without ${dropped.length} triggers that the cutover asked to drop`;
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
