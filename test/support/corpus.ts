/* Real databases of other projects, where they are: beside the checkout, or in ATTACCA_CORPUS. */
import { copyFileSync, existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

export const CORPUS = process.env.ATTACCA_CORPUS ?? join(import.meta.dirname, '../../../shared/corpus');
export const present = existsSync(CORPUS);

/** Relative to CORPUS, without those that are damaged. */
export const files = (present ? ['db', 'schema'] : [])
  .flatMap(folder => readdirSync(join(CORPUS, folder)).map(file => join(folder, file)))
  .filter(file => !file.includes('corrupt'));

/** Always a copy: SQLite writes -wal and -shm files beside a database in WAL mode, even when it only reads. */
export function copyOf(file: string, folder: string): string {
  const copy = join(folder, basename(file));
  copyFileSync(join(CORPUS, file), copy);
  return copy;
}
