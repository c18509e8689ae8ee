/*
 * The same in Postgres, while it is primary.
 */
import type Database from 'better-sqlite3';
import type { Client } from 'pg';
import type { Planned, PlannedTable } from './held.ts';
import { invent } from './invent.ts';
import type { Random } from './random.ts';
import { quoted } from './stored.ts';
import { type Changed, isOmitted, type Subject, subjectsOf, TRIES, type Word } from './subject.ts';

/** `db` tells which values are unique and which have parents; nothing is written to it. */
export async function changeHeld(client: Client, db: Database.Database, plan: Planned, random: Random): Promise<Changed> {
  let made = 0;
  const refused: string[] = [];
  for (const subject of subjectsOf(db, plan)) {
    const table = plan.tables.find(({ name }) => name === subject.table);
    if (table === undefined) continue;
    for (const word of ['insert', 'update', 'delete'] as const) {
      const error = await attemptHeld(client, { schema: plan.schema, table, subject, plan }, word, random);
      if (error === undefined) made++;
      else refused.push(`${word} ${subject.table}: ${error}`);
    }
  }
  return { made, refused };
}

type Held = { readonly schema: string; readonly table: PlannedTable; readonly subject: Subject; readonly plan: Planned };

async function attemptHeld(client: Client, held: Held, word: Word, random: Random): Promise<string | undefined> {
  let last = '';
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      await client.query(await statementFor(client, held, word, random));
      return undefined;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
  }
  return last;
}

type Statement = { readonly text: string; readonly values: (string | null)[] };

async function statementFor(client: Client, held: Held, word: Word, random: Random): Promise<Statement> {
  const { schema, table, subject } = held;
  const name = `${quoted(schema)}.${quoted(table.target)}`;
  const one = `ctid = (select ctid from ${name} offset ${await offset(client, name, random)} limit 1)`;
  if (word === 'delete') return { text: `delete from ${name} where ${one}`, values: [] };
  if (word === 'update') {
    const column = random.pick(subject.columns);
    const target = table.columns.find(planned => planned.name === column.name)?.target ?? column.name;
    return { text: `update ${name} set ${quoted(target)} = $1 where ${one}`, values: [await heldValue(client, held, column, random)] };
  }
  const taken = subject.columns.filter(column => !isOmitted(column, random));
  if (taken.length === 0) return { text: `insert into ${name} default values`, values: [] };
  const values: (string | null)[] = [];
  for (const column of taken) values.push(await heldValue(client, held, column, random));
  const names = taken.map(column => quoted(table.columns.find(planned => planned.name === column.name)?.target ?? column.name));
  return { text: `insert into ${name} (${names.join(', ')}) values (${taken.map((_, index) => `$${index + 1}`).join(', ')})`, values };
}

async function offset(client: Client, name: string, random: Random): Promise<number> {
  const { rows } = await client.query(`select count(*) as n from ${name}`);
  return random.int(Number(rows[0].n));
}

async function heldValue(
  client: Client,
  { schema, table, subject, plan }: Held,
  column: Subject['columns'][number],
  random: Random,
): Promise<string | null> {
  const found = subject.parents.get(column.name);
  const parent = plan.tables.find(({ name }) => name.toLowerCase() === found?.parent.toLowerCase());
  const to = found?.to ?? parent?.columns.find(({ name }) => name !== '_attacca_rowid')?.name;
  const parentColumn = parent?.columns.find(({ name }) => name.toLowerCase() === to?.toLowerCase());
  if (parent !== undefined && parentColumn?.codec === column.codec && random.chance(0.9))
    return heldSample(client, schema, parent, parentColumn.target, random);
  if (!column.notNull && !column.key && random.chance(0.15)) return null;
  const own = subject.unique.has(column.name) || column.key;
  const target = table.columns.find(({ name }) => name === column.name)?.target;
  if (!own && target !== undefined && (random.chance(0.4) || subject.literals.length > 0)) {
    const value = await heldSample(client, schema, table, target, random);
    if (value !== null) return value;
  }
  return invent(column.codec, random).postgres;
}

async function heldSample(client: Client, schema: string, table: PlannedTable, column: string, random: Random): Promise<string | null> {
  const name = `${quoted(schema)}.${quoted(table.target)}`;
  const { rows } = await client.query(
    `select ${quoted(column)}::text as v from ${name} offset ${await offset(client, name, random)} limit 1`,
  );
  return rows[0]?.v ?? null;
}
