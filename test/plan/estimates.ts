/*
 * `npm run test:estimates [-- --rows 50000,400000,1600000]`: what `assess` expects of time and space against what it then takes, on files of
 * several sizes. Ends with 1 where a measure is more than twice, or less than half, of what was said. The time needs a quiet machine.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import type { AssessDocument } from '../../src/server/documents.ts';
import { makeApplication } from '../bench/support/data.ts';
import { testPostgres } from '../support/postgres.ts';
import { whole, words } from '../support/words.ts';

const BINARY = resolve('dist/bin.cjs');
const FACTOR = 2;
const { values: options } = words({ options: { rows: { type: 'string', default: '50000,400000,1600000' } } });
const folder = mkdtempSync(join(tmpdir(), 'attacca-estimates-'));
let wrong = 0;

function attacca(...words: readonly string[]): string {
  return execFileSync(process.execPath, [BINARY, ...words, '--json'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

/** `said`: from the least to the most that was expected. */
function judge(rows: number, what: string, said: readonly [number, number], measured: number): void {
  const fits = measured <= said[1] * FACTOR && measured >= said[0] / FACTOR;
  if (!fits) wrong++;
  const range = said[0] === said[1] ? `${said[0]}` : `${said[0]} to ${said[1]}`;
  const ratio = (measured / said[0]).toFixed(2);
  process.stdout.write(`${rows} rows: ${what}: said ${range}, measured ${measured} (${ratio} of the least)${fits ? '' : ' WRONG'}\n`);
}

try {
  for (const rows of options.rows.split(',').map(text => whole('--rows', text))) {
    await using postgres = await testPostgres();
    const source = join(folder, `${rows}.db`);
    makeApplication(source, rows);
    const { estimate } = JSON.parse(attacca('assess', '--source', source)) as AssessDocument;
    const lsn = async (): Promise<number> => Number((await postgres.query(`select pg_current_wal_insert_lsn() - '0/0' as n`))[0]?.n);
    const [from, since] = [await lsn(), performance.now()];
    attacca('sync', '--once', '--source', source, '--target', postgres.url);
    const seconds = Math.round((performance.now() - since) / 100) / 10;
    const [least = 0, most = 0] = estimate.snapshotSeconds;
    judge(rows, 'seconds of the first copy', [least, most], seconds);
    judge(rows, 'bytes of WAL', [estimate.walBytes, estimate.walBytes], (await lsn()) - from);

    const before = statSync(source).size;
    const db = new Database(source);
    const changes = ['events set score = score', 'users set name = name', 'event_tags set weight = weight'].reduce(
      (sum, what) => sum + db.prepare(`update ${what}`).run().changes,
      0,
    );
    db.pragma('wal_checkpoint(truncate)');
    db.close();
    const perMillion = Math.round(((statSync(source).size - before) / changes) * 1e6);
    judge(rows, 'bytes of journal for a million changes', [estimate.journalBytesPerMillion, estimate.journalBytesPerMillion], perMillion);
    attacca('uninstall', '--yes', '--source', source, '--target', postgres.url);
    rmSync(source);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = wrong === 0 ? 0 : 1;
