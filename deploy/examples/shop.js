/*
 * An application that goes on through a cutover and a rollback, with attacca/client.
 *
 *     SQLITE=shop.db POSTGRES=postgresql://app@localhost/app FLAG=app.env node shop.js till-1
 *
 * It buys things until it is stopped, and prints a line for each purchase that the database has acknowledged. What it takes:
 *
 * (1) All that belongs together is one function. It may run more than once, so it does nothing but talk to its database.
 * (2) SQL that both databases understand, with ? for parameters. `tx.side` tells which one it is, where they differ.
 * (3) Whatever comes back may be a number or a text, as the drivers have it: Number() and String() where it matters.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createDatabase, OutcomeUnknown } from 'attacca/client';
import Sqlite from 'better-sqlite3';
import { Pool } from 'pg';

const { SQLITE, POSTGRES, FLAG } = process.env;
const [till = 'till'] = process.argv.slice(2);
const say = line => process.stdout.write(`${line}\n`);

const db = await createDatabase({
  flag: { path: FLAG, key: 'DB_TYPE' },
  sqlite: () => new Sqlite(SQLITE),
  postgres: () => new Pool({ connectionString: POSTGRES, max: 4 }),
  onSwitch: ({ primary, epoch }) => say(`switched to ${primary}, epoch ${epoch}`),
});

/** Takes the pieces, if they are there, and notes the purchase: all of it on one side, and none of it if that side refuses. Returns the side. */
const buy = (token, item, pieces) =>
  db.transaction(async tx => {
    const { changes } = await tx.run('update stock set pieces = pieces - ? where item = ? and pieces >= ?', pieces, item, pieces);
    if (changes !== 1) throw new Error(`there are not ${pieces} pieces of item ${item}`);
    await tx.run('insert into purchase (token, item, pieces) values (?, ?, ?)', token, item, pieces);
    return tx.side;
  });

/** The connection broke during the commit: nobody but the database knows, so it is asked until it answers. What was written has a name to ask for. */
async function isThere(token) {
  for (;;) {
    try {
      return await db.read(async tx => (await tx.get('select 1 from purchase where token = ?', token)) !== undefined);
    } catch (error) {
      say(`no answer yet: ${error.message}`);
      await delay(100);
    }
  }
}

/** What is refused is not the end: the next customer may be luckier. */
async function serve(token, item) {
  try {
    return `bought ${token} on ${await buy(token, item, 1)}`;
  } catch (error) {
    if (error instanceof OutcomeUnknown && (await isThere(token))) return `bought ${token} after all`;
    return `did not buy ${token}: ${error.message}`;
  }
}

let stopped = false;
process.on('SIGTERM', () => {
  stopped = true;
});

for (let n = 1; !stopped; n++) {
  say(await serve(`${till}-${n}`, 1 + (n % 3)));
  await delay(5);
}
await db.close();
