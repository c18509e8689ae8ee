/*
 * `npm run test:whole [reads]`: readers of Postgres see whole transactions only [G3], 100,000 times: beside writers, with 500,000 changes
 * in one transaction, tables that are copied anew, and a server and a daemon that are away for a minute.
 */
import { ownPostgres } from '../support/postgres.ts';
import { numbers } from '../support/words.ts';
import { weather } from './storm.ts';

const { reads } = numbers({ reads: 100_000 });
const say = (text: string): void => void process.stdout.write(`${text}\n`);
await using server = await ownPostgres();
const { reads: made, violations } = await weather({ server, reads, pairs: 250_000, awayMs: 60_000, say });
for (const violation of violations.slice(0, 10)) say(violation);
say(`${made} reads, ${violations.length} violations`);
process.exitCode = violations.length === 0 ? 0 : 1;
