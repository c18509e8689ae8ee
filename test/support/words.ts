/* What is typed after `npm run test:… --`. What is not understood ends the run with one line. */
import { relative } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** As node's `parseArgs`. */
export function words<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    return misunderstood(error instanceof Error ? error.message : String(error));
  }
}

/** Whole numbers in this order, and what each is where it is not given. */
export function numbers<const D extends Readonly<Record<string, number>>>(defaults: D): Record<keyof D, number> {
  const { positionals } = words({ allowPositionals: true, options: {} });
  const names = Object.keys(defaults);
  if (positionals.length > names.length) misunderstood(`there are more words than ${names.join(', ')}`);
  const given = positionals.map((text, index) => [names[index], whole(`${names[index]}`, text)]);
  return { ...defaults, ...Object.fromEntries(given) };
}

export const whole = (name: string, text: string): number =>
  /^\d+$/.test(text) ? Number(text) : misunderstood(`${name} must be a whole number, not ${JSON.stringify(text)}`);

export function misunderstood(why: string): never {
  process.stderr.write(`${why}; the head of ${relative('', process.argv[1] ?? '')} says what may be given\n`);
  process.exit(2);
}
