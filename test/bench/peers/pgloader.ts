import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installed, run } from '../support/processes.ts';

/** pgloader, with its defaults for SQLite; foreign keys left out, because attacca makes them at the cutover. undefined: not installed. */
export async function pgloader(source: string, target: string): Promise<number | undefined> {
  if (!installed('pgloader')) return undefined;
  const file = join(source, '..', 'pgloader.load');
  writeFileSync(file, command(source, target));
  const { seconds } = await run('pgloader', [file]);
  return seconds;
}

const command = (source: string, target: string): string =>
  `load database from sqlite://${source} into ${target} with include drop, create tables, create indexes, reset sequences, no foreign keys;`;
