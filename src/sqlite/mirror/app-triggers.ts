/*
 * The application's own triggers while Postgres is primary.
 *
 * (1) What a trigger wrote into a replicated table arrives from Postgres: run again here, it would happen twice. A trigger
 *     that writes nothing can only refuse a row that Postgres has already accepted. Both kinds are set aside.
 * (2) All others stay: they keep up what exists in SQLite only (FTS5 indexes, tables outside the plan). INSTEAD OF triggers
 *     stay too: they fire for the application's writes alone, and those must meet the fence.
 * (3) SQLite fires the newest trigger first, and what counts as newest is the order of sqlite_schema. So all of them are
 *     created again, those that stayed included, in the order they had.
 * (4) A function of the application's is no obstacle to judging a trigger, only to running it: one that stays must not need any.
 */
import { type Blocker, Refused } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import { at, type Plan } from '../../plan/plan.ts';
import { codeOf, type Database } from '../open.ts';
import { isOwnTrigger } from '../schema/own.ts';
import { isWord, nameOf, tokenize } from '../schema/tokens.ts';

/**
 * `writes`: writes a replicated table. `mixes`: and a virtual one too, such as a full-text index, which nothing else would keep up.
 * `refuses`: writes nothing. `keeps`: none of these, or on a view.
 * `unreadable`: attacca's SQLite cannot compile the trigger, so nobody can tell; or it would stay, and cannot run here.
 */
export type AppTrigger = {
  readonly name: string;
  readonly table: string;
  readonly sql: string;
  readonly does: 'writes' | 'mixes' | 'refuses' | 'keeps' | 'unreadable';
};

const TRIGGERS = /* sql */ `
  select t.name, t.tbl_name as "table", t.sql, o.type = 'view' as "view" from sqlite_schema t
  join sqlite_schema o on o.name = t.tbl_name collate nocase and o.type in ('table', 'view')
  where t.type = 'trigger' and not ${isOwnTrigger('t.name')} order by t.rowid`;
const COLUMNS = /* sql */ `select name from pragma_table_xinfo(?) where hidden = 0 order by cid`;
const ROOT = /* sql */ `select rootpage from sqlite_schema where type = 'table' and name = ?`;
const SAVE = /* sql */ `insert into _attacca_app_trigger (position, name, sql) values (?, ?, ?)`;
const SAVED = /* sql */ `
  select a.name, coalesce(s.sql, a.sql) as sql, s.name is not null as present from _attacca_app_trigger a
  left join sqlite_schema s on s.type = 'trigger' and s.name = a.name collate nocase order by a.position`;
const STANDS = /* sql */ `select 1 from sqlite_schema where type in ('table', 'view') and name = ? collate nocase`;

/** The application's triggers in the order of sqlite_schema, and what each would do to the mirror. Reads the schema only. */
export function appTriggers(db: Database, plan: Plan): AppTrigger[] {
  type Found = { name: string; table: string; sql: string; view: bigint };
  const found = db.prepare<[], Found>(TRIGGERS).all();
  const replicated = new Set(plan.tables.map(table => db.prepare<[string], bigint>(ROOT).pluck().get(table.name)));
  const tables = new Set(found.filter(({ view }) => view === 0n).map(({ table }) => table));
  const programs = new Map([...tables].map(table => [table, programsOf(db, table)]));
  return found.map(({ name, table, sql, view }) => {
    if (view === 1n) return { name, table, sql, does: 'keeps' };
    return { name, table, sql, does: effect(db, programs.get(table)?.get(name), replicated) };
  });
}

/**
 * Drops the triggers that must not run while Postgres is primary and remembers all of them. Inside a write transaction.
 * Throws Refused when a trigger cannot be judged, or can neither run nor be missed.
 */
export function setAside(db: Database, plan: Plan): void {
  const triggers = appTriggers(db, plan);
  const found = triggers.flatMap(blocker);
  if (found.length > 0) throw new Refused('a trigger of the application can neither run nor be missed', found);
  db.exec('delete from _attacca_app_trigger');
  const save = db.prepare(SAVE);
  for (const [position, { name, sql, does }] of triggers.entries()) {
    save.run(BigInt(position + 1), name, does === 'keeps' ? null : sql);
    if (does !== 'keeps') db.exec(`drop trigger ${quote(name)}`);
  }
}

/**
 * Creates every remembered trigger again, in its old place among the others, and forgets them. One whose table somebody has dropped since
 * went with it. Inside a write transaction.
 */
export function bringBack(db: Database): void {
  for (const trigger of saved(db)) {
    if (trigger.sql === null || isHomeless(db, trigger)) continue; // the former stayed, and the application has dropped it since
    if (trigger.present === 1n) db.exec(`drop trigger ${quote(trigger.name)}`);
    db.exec(trigger.sql);
  }
  db.exec('delete from _attacca_app_trigger');
}

/** The triggers that would not come back as things stand: their table was dropped since, or has another name. */
export const homeless = (db: Database): Pick<Saved, 'name' | 'sql'>[] =>
  saved(db)
    .filter(trigger => isHomeless(db, trigger))
    .map(({ name, sql }) => ({ name, sql }));

type Saved = { readonly name: string; readonly sql: string | null; readonly present: bigint };

const saved = (db: Database): Saved[] => db.prepare<[], Saved>(SAVED).all();

const isHomeless = (db: Database, { sql, present }: Saved): boolean =>
  sql !== null && present === 0n && db.prepare(STANDS).get(tableOf(sql)) === undefined;

/** The name behind the first ON that is not a name itself: SQLite has compiled this statement before. */
function tableOf(sql: string): string {
  const tokens = tokenize(sql).filter(({ kind }) => kind !== 'blank');
  const { kind, text } = at(tokens, tokens.findIndex(token => isWord(token, 'on')) + 1);
  return nameOf({ kind: kind === 'string' ? 'quoted' : kind, text });
}

/** Why a switch must not begin while this trigger is there. */
export function blocker({ name, table, does }: AppTrigger): Blocker[] {
  if (does === 'unreadable')
    return [
      {
        code: 'trigger-unreadable',
        reason: `trigger ${quote(name)}, or another one on ${quote(table)}, does not compile in attacca's SQLite`,
        remedy:
          'it uses a function or collation of the application or "text" in double quotes: use single quotes, or drop it for the time of the soak',
      },
    ];
  if (does !== 'mixes') return [];
  return [
    {
      code: 'trigger-mixed',
      reason: `trigger ${quote(name)} writes a replicated table, which must not happen twice, and a virtual one, which nothing else keeps up to date`,
      remedy: 'make two triggers of it, one for each kind of table',
    },
  ];
}

type Step = { readonly opcode: string; readonly p1: bigint; readonly p2: bigint; readonly p4: string | null };

const PROGRAM = '-- TRIGGER ';

type Programs = { get(trigger: string): readonly Step[] | undefined };

/**
 * What SQLite compiled from the triggers on a table, by name. EXPLAIN lists them after the statement that fires them; a trigger that no
 * statement fires (UPDATE OF a column that is not there) does nothing. undefined for one that does not compile, or may not.
 */
function programsOf(db: Database, table: string): Programs {
  const programs = new Map<string, Step[]>();
  const explained = firing(db, table).map(statement => explain(db, statement));
  for (const steps of explained) {
    let program: Step[] | undefined;
    for (const step of steps ?? []) {
      if (step.opcode === 'Init') program = step.p4?.startsWith(PROGRAM) ? [] : undefined;
      if (step.opcode === 'Init' && program !== undefined) programs.set((step.p4 ?? '').slice(PROGRAM.length), program);
      program?.push(step);
    }
  }
  const none = explained.includes(undefined) ? undefined : [];
  return { get: trigger => programs.get(trigger) ?? none };
}

function firing(db: Database, table: string): string[] {
  const columns = db.prepare<[string], string>(COLUMNS).pluck().all(table).map(quote);
  return [
    `insert into ${quote(table)} default values`,
    `update ${quote(table)} set ${columns.map(name => `${name} = ${name}`).join(', ')}`,
    `delete from ${quote(table)}`,
  ];
}

/** undefined when a trigger does not compile: what attacca's library lacks is SQLITE_ERROR. */
function explain(db: Database, statement: string): Step[] | undefined {
  for (const tried = new Set<string>(); ; ) {
    try {
      return db.prepare<[], Step>(`explain ${statement}`).all();
    } catch (error) {
      if (codeOf(error) !== 'SQLITE_ERROR') throw error;
      const missing = /^no such function: (.+)$/s.exec(error instanceof Error ? error.message : '')?.[1];
      if (missing === undefined || tried.has(missing)) return undefined;
      tried.add(missing);
      standIn(db, missing);
    }
  }
}

/** In the place of the application's functions, by connection. */
const standIns = new WeakMap<Database, Set<string>>();

/** Lets this connection compile what calls the function; to run it fails, as it did before. */
function standIn(db: Database, name: string): void {
  standIns.set(db, (standIns.get(db) ?? new Set()).add(name.toLowerCase()));
  db.function(name, { varargs: true }, () => {
    throw new Error(`no such function: ${name}`);
  });
}

/** A trigger's direct writes: what it sets off in other triggers is theirs. */
function effect(db: Database, program: readonly Step[] | undefined, replicated: ReadonlySet<bigint | undefined>): AppTrigger['does'] {
  if (program === undefined) return 'unreadable';
  if (program.length === 0) return 'keeps';
  const written = program.flatMap(({ opcode, p1, p2 }) => (opcode === 'OpenWrite' ? [p2] : opcode === 'Clear' ? [p1] : []));
  const virtual = program.some(({ opcode }) => opcode === 'VUpdate');
  if (written.some(root => replicated.has(root))) return virtual ? 'mixes' : 'writes';
  if (written.length === 0 && !virtual) return 'refuses';
  return callsStandIn(db, program) ? 'unreadable' : 'keeps';
}

/** EXPLAIN shows a call as `Function` or `PureFunc`, with the name and the number of arguments: title_sort(1). */
const callsStandIn = (db: Database, program: readonly Step[]): boolean =>
  program.some(
    ({ opcode, p4 }) => /^(?:Pure)?Func/.test(opcode) && standIns.get(db)?.has((p4 ?? '').replace(/\(-?\d+\)$/, '').toLowerCase()),
  );
