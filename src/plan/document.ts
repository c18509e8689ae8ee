/* The plan as a document: what its stored form must be. Loaded only where one is read: this costs tens of megabytes. */
import { z } from 'zod';
import { isCodec, PG_TYPES } from './codecs/registry.ts';
import { Waiver } from './waive.ts';

/** Steps of range partitions: partition.ts. */
export const PARTITIONS = ['day', 'month', 'year'] as const;

/** Policies for values that do not fit their column: misfits.ts. */
export const MISFITS = ['quarantine', 'widen', 'refuse', 'repair'] as const;

/** A name of codecs/registry.ts, with its argument where it takes one. */
export const CodecName = z.string().refine(isCodec, { error: 'attacca has no such codec' });

export const ColumnPlan = z.strictObject({
  /** Name in SQLite; for a hidden key the rowid's usable alias. */
  name: z.string(),
  /** Name in Postgres. */
  target: z.string(),
  /** Postgres type. */
  type: z.enum(PG_TYPES),
  codec: CodecName,
  affinity: z.enum(['integer', 'text', 'blob', 'real', 'numeric']),
  notNull: z.boolean(),
  /** The default as a Postgres expression; null where there is none or it has no translation (a finding says so). */
  default: z.string().nullable(),
  /** A default that is not a literal: a Postgres expression with the same meaning. `default` is null then. */
  expression: z.string().optional(),
  /** Of a table that is the application's: the column as Postgres has it, where that is not just `type`. */
  own: z.strictObject({ type: z.string(), base: z.string(), oid: z.int() }).optional(),
  /** What becomes of a value that does not fit; absent: its row goes to quarantine. */
  misfits: z.enum(MISFITS).optional(),
  /** A GIN index was asked for. */
  gin: z.literal(true).optional(),
  /** Why this type and codec: one sentence for the person who reviews the plan. */
  reason: z.string(),
});

export const KeyPlan = z.strictObject({
  /**
   * `rowid`: INTEGER PRIMARY KEY. `declared`: the declared primary key or a UNIQUE NOT NULL key, free of NULLs.
   * `hidden`: neither; the rowid itself, mirrored in Postgres as `_attacca_rowid`, which is then columns[0].
   */
  kind: z.enum(['rowid', 'declared', 'hidden']),
  columns: z.array(z.int()),
});

export const IndexPlan = z.strictObject({
  name: z.string(),
  unique: z.boolean(),
  /** `fold`: unique or ordered without regard to ASCII case, as NOCASE is: lower(column collate "C"). */
  terms: z.array(z.strictObject({ column: z.int(), descending: z.boolean(), fold: z.boolean() })),
});

/** An index of more than columns: `terms` and `where` are Postgres's SQL. */
export const ExpressionIndexPlan = z.strictObject({
  name: z.string(),
  /** Name in SQLite; '' for one that the plan file asked for. */
  source: z.string(),
  unique: z.boolean(),
  terms: z.array(z.string()),
  where: z.string().nullable(),
  /** Absent: a B-tree. */
  using: z.literal('gin').optional(),
});

/** A generated column, VIRTUAL or STORED: Postgres computes it as well, so it is compared but never written. */
export const GeneratedPlan = ColumnPlan.pick({ name: true, target: true, codec: true, affinity: true, notNull: true }).extend({
  /** `tsvector`: what a full-text table, whose name it has, is in Postgres; no column of SQLite's. */
  type: z.enum([...PG_TYPES, 'tsvector']),
  sql: z.string(),
});

export const CheckPlan = z.strictObject({ name: z.string(), sql: z.string() });

/** `name`: in SQLite; `columns`: as Postgres calls them. */
export const ViewPlan = z.strictObject({ name: z.string(), target: z.string(), columns: z.array(z.string()), sql: z.string() });

export const ForeignKeyPlan = z.strictObject({
  name: z.string(),
  columns: z.array(z.int()),
  /** TablePlan.id of the parent. */
  parent: z.int(),
  parentColumns: z.array(z.int()),
  onDelete: z.string(),
  onUpdate: z.string(),
  /** Rows without a parent at planning time: the constraint then stays NOT VALID. */
  orphans: z.int(),
  /** DEFERRABLE INITIALLY DEFERRED. */
  deferred: z.literal(true).optional(),
});

/** Days are those of UTC. */
export const PartitionPlan = z.strictObject({
  /** Index into columns. */
  column: z.int(),
  by: z.enum(PARTITIONS),
  /** Of the key's columns those by which SQLite knows a row. */
  key: z.array(z.int()),
  /** From the first day to the one before the last. */
  parts: z.array(z.strictObject({ name: z.string(), from: z.string(), to: z.string() })),
  /** The name of the default partition. */
  rest: z.string(),
});

export const TablePlan = z.strictObject({
  /** The number by which triggers and the journal know the table; stable for the life of an installation; from 1. */
  id: z.int(),
  name: z.string(),
  target: z.string(),
  withoutRowid: z.boolean(),
  /** Usable alias of the rowid, null where there is none. */
  rowid: z.string().nullable(),
  key: KeyPlan,
  /** Index into columns of the column with an identity (INTEGER PRIMARY KEY or the hidden rowid); null without one. */
  identity: z.int().nullable(),
  autoincrement: z.boolean(),
  columns: z.array(ColumnPlan),
  indexes: z.array(IndexPlan),
  foreignKeys: z.array(ForeignKeyPlan),
  generated: z.array(GeneratedPlan).optional(),
  expressionIndexes: z.array(ExpressionIndexPlan).optional(),
  checks: z.array(CheckPlan).optional(),
  /** Of a table that is the application's: columns that SQLite does not have, whose values survive. */
  extras: z.array(z.string()).optional(),
  partition: PartitionPlan.optional(),
  /** Fingerprint of the SQLite table that this was decided for (fingerprint.ts). */
  source: z.string().optional(),
});

export const Plan = z.strictObject({
  version: z.literal(1),
  /** Postgres schema that holds the tables. */
  schema: z.string(),
  encoding: z.string(),
  tables: z.array(TablePlan),
  /** The tables are the application's, made by its own migrations: attacca fills them, and changes nothing of what they are. */
  existing: z.literal(true).optional(),
  views: z.array(ViewPlan).optional(),
  /** Functions of schema sqlite_compat that the plan's expressions call. */
  compat: z.array(z.string()).optional(),
  /** Names of tables that were left out on request: nobody is reminded of them. */
  excluded: z.array(z.string()).optional(),
  /** Every foreign key gets an index. */
  foreignKeyIndexes: z.literal(true).optional(),
  /** Blocking findings that the owner has accepted, with the reason. */
  waived: z.array(Waiver).optional(),
  /** Tables that cannot be replicated as they are, with the reason: they refuse a cutover until they can. */
  unplanned: z.array(z.strictObject({ name: z.string(), source: z.string(), reason: z.string() })).optional(),
  /** The highest TablePlan.id ever given; there once the schema of the file has changed. No id is given twice. */
  lastId: z.int().optional(),
});

type Plan = Readonly<z.infer<typeof Plan>>;

let known: { readonly text: string; readonly plan: Plan } | undefined;

/** The plan in its stored form. The same text gives the same object: with thousands of tables it is read every second, and changes with the schema only. */
export function planIn(text: string): Plan {
  if (known?.text !== text) known = { text, plan: Plan.parse(JSON.parse(text)) };
  return known.plan;
}
