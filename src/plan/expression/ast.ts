/*
 * SQLite's expressions and SELECTs, as far as they can stand in a schema. Names are as written.
 */
import type { Value } from '../../change/value.ts';

export type BinaryOperator =
  | 'or'
  | 'and'
  | '='
  | '<>'
  | '<'
  | '<='
  | '>'
  | '>='
  | '&'
  | '|'
  | '<<'
  | '>>'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '||'
  | '->'
  | '->>';

export type Expression =
  /** `truth`: written as TRUE or FALSE. */
  | { readonly kind: 'literal'; readonly value: Value; readonly truth?: true }
  | { readonly kind: 'now'; readonly part: 'timestamp' | 'date' | 'time' }
  /** `doubtful`: in double quotes, and thus a string where no column has that name. */
  | { readonly kind: 'column'; readonly table: string | null; readonly name: string; readonly doubtful: boolean }
  | { readonly kind: 'unary'; readonly operator: '-' | '+' | '~' | 'not'; readonly operand: Expression }
  | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'is'; readonly negated: boolean; readonly left: Expression; readonly right: Expression }
  | {
      readonly kind: 'like';
      readonly operator: 'like' | 'glob' | 'regexp' | 'match';
      readonly negated: boolean;
      readonly operand: Expression;
      readonly pattern: Expression;
      readonly escape: Expression | null;
    }
  | {
      readonly kind: 'between';
      readonly negated: boolean;
      readonly operand: Expression;
      readonly low: Expression;
      readonly high: Expression;
    }
  | { readonly kind: 'in'; readonly negated: boolean; readonly operand: Expression; readonly list: readonly Expression[] | Select }
  | { readonly kind: 'case'; readonly base: Expression | null; readonly branches: readonly Branch[]; readonly otherwise: Expression | null }
  | { readonly kind: 'cast'; readonly operand: Expression; readonly type: string }
  | { readonly kind: 'collate'; readonly operand: Expression; readonly collation: string }
  | Call
  | { readonly kind: 'row'; readonly items: readonly Expression[] }
  | { readonly kind: 'exists'; readonly select: Select }
  | { readonly kind: 'subquery'; readonly select: Select }
  | { readonly kind: 'raise'; readonly action: string; readonly message: Expression | null }
  | { readonly kind: 'parameter' };

export type Branch = { readonly when: Expression; readonly result: Expression };

export type Call = {
  readonly kind: 'call';
  /** Lower case. */
  readonly name: string;
  /** `count(*)` has star instead of arguments. */
  readonly star: boolean;
  readonly distinct: boolean;
  readonly args: readonly Expression[];
  readonly orderBy: readonly OrderTerm[];
  readonly filter: Expression | null;
  /** A window, or the name of one. */
  readonly over: Window | string | null;
};

export type Window = {
  readonly base: string | null;
  readonly partitionBy: readonly Expression[];
  readonly orderBy: readonly OrderTerm[];
  /** ROWS …, RANGE … or GROUPS … as written; null for the default, which is the same in both databases. */
  readonly frame: string | null;
};

export type OrderTerm = { readonly by: Expression; readonly descending: boolean; readonly nulls: 'first' | 'last' | null };

export type Select = {
  readonly kind: 'select';
  readonly recursive: boolean;
  readonly ctes: readonly Cte[];
  readonly parts: readonly SelectPart[];
  readonly orderBy: readonly OrderTerm[];
  readonly limit: Expression | null;
  readonly offset: Expression | null;
};

export type Cte = { readonly name: string; readonly columns: readonly string[]; readonly select: Select };

/** One SELECT or VALUES of a compound; `join` is how it follows the one before it (null for the first). */
export type SelectPart = {
  readonly join: 'union' | 'union all' | 'intersect' | 'except' | null;
  readonly values: readonly (readonly Expression[])[] | null;
  readonly distinct: boolean;
  readonly results: readonly ResultColumn[];
  readonly from: readonly FromItem[];
  readonly where: Expression | null;
  readonly groupBy: readonly Expression[];
  readonly having: Expression | null;
  readonly windows: readonly { readonly name: string; readonly window: Window }[];
};

export type ResultColumn =
  | { readonly kind: 'star'; readonly table: string | null }
  /** `text`: as written, SQLite's name for a column without alias. */
  | { readonly kind: 'result'; readonly value: Expression; readonly alias: string | null; readonly text: string };

/** A member of FROM with how it joins what stands left of it; the first one's `join` means nothing. */
export type FromItem = {
  readonly join: 'inner' | 'left' | 'right' | 'full' | 'cross';
  readonly natural: boolean;
  readonly source:
    | { readonly kind: 'table'; readonly name: string }
    | { readonly kind: 'select'; readonly select: Select }
    | { readonly kind: 'group'; readonly items: readonly FromItem[] }
    | { readonly kind: 'function'; readonly name: string; readonly args: readonly Expression[] };
  readonly alias: string | null;
  readonly on: Expression | null;
  readonly using: readonly string[];
};
