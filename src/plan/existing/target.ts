/*
 * Tables that the application's own migrations made in Postgres, as its catalog describes them (postgres/existing/catalog.ts reads it).
 */

export type TargetSchema = {
  readonly schema: string;
  /** Relations that have a name of the file's tables, letter case aside. */
  readonly relations: readonly TargetRelation[];
  /** The role may silence triggers and foreign key actions (session_replication_role). */
  readonly replicaRole: boolean;
};

export type TargetRelation = {
  readonly name: string;
  /** In words, where it is no ordinary table: "a view", "partitioned". */
  readonly strange: string | null;
  /** The role owns it, or may act as its owner. */
  readonly owned: boolean;
  /** Row security applies to the role. */
  readonly rowSecurity: boolean;
  readonly filled: boolean;
  readonly columns: readonly TargetColumn[];
  readonly uniques: readonly TargetUnique[];
  /** Columns that updates and deletions bring along; null for all of them. */
  readonly replicaIdentity: readonly string[] | null;
  /** Names of CHECK and exclusion constraints. */
  readonly checks: readonly string[];
  /** Names of foreign keys. */
  readonly foreignKeys: readonly string[];
  readonly triggers: readonly { readonly name: string; readonly always: boolean }[];
};

export type TargetColumn = {
  readonly name: string;
  /** What a parameter is cast to: schema and quotes where needed, no length. */
  readonly type: string;
  readonly oid: number;
  /** Its base type as format_type writes it, length and all; `enum`, `array` or `other` for those kinds. */
  readonly base: string;
  /** A domain with a CHECK. */
  readonly checked: boolean;
  /** Equal is not the same: citext, or a nondeterministic collation. */
  readonly folds: boolean;
  readonly notNull: boolean;
  /** A default or an identity: a row may leave it out. */
  readonly fills: boolean;
  readonly generated: boolean;
  readonly identity: 'always' | 'by default' | null;
  /** Its numbers come from a sequence that belongs to it. */
  readonly sequence: boolean;
};

/** A unique index; `columns` is empty for one of expressions. */
export type TargetUnique = {
  readonly name: string;
  readonly columns: readonly string[];
  readonly partial: boolean;
  readonly deferrable: boolean;
};
