import { quote } from '../../change/quote.ts';
import { mayBeKey } from '../codec.ts';
import { typeOf } from '../codecs/registry.ts';
import type { Code } from '../codes.ts';
import { candidates, tryCodecs } from '../column/candidates.ts';
import type { Habits } from '../column/forms.ts';
import type { PlanFile } from '../file/edit.ts';
import { repairing, tolerates } from '../file/misfits.ts';
import { byName } from '../names.ts';
import type { ColumnPlan, TablePlan } from '../plan.ts';
import type { ColumnStats, Profile, SourceColumn, SourceSchema } from '../schema.ts';
import type { TargetColumn, TargetRelation } from './target.ts';

/** Notes a finding about the table at hand. */
export type Say = (
  code: Code,
  message: string,
  more?: { readonly column?: string; readonly count?: number; readonly samples?: readonly string[] },
) => void;

type Context = {
  readonly source: SourceSchema;
  readonly profile: Profile;
  readonly file: PlanFile | undefined;
  readonly habits: Habits;
  readonly say: Say;
};

type MatchedColumns = {
  readonly columns: ColumnPlan[];
  /** Columns of Postgres that SQLite does not have, generated ones aside. */
  readonly extras: string[];
  /** Postgres has to be asked whether it takes the stored values. */
  readonly unsure: boolean;
};

/** The table's columns as Postgres has them. */
export function matchColumns(table: TablePlan, relation: TargetRelation, context: Context): MatchedColumns {
  const { source, profile, file, say } = context;
  const edits = file?.tables[table.name]?.columns ?? {};
  const declared = source.tables.find(({ name }) => name === table.name)?.columns ?? [];
  const taken = new Set<string>();
  let unsure = false;
  const columns = table.columns.map((plan, index) => {
    if (table.key.kind === 'hidden' && index === 0) return plan;
    const found = byName(relation.columns, plan.name, edits[plan.name]?.target);
    const [column] = found;
    const place = declared.findIndex(({ name }) => name === plan.name);
    const [origin, stats] = [declared[place], profile[table.name]?.columns[place]];
    if (column === undefined || found.length > 1 || origin === undefined || stats === undefined) {
      const many = `Several columns of ${quote(relation.name)} have the name of ${quote(plan.name)}.`;
      const none = `${quote(relation.name)} has no column ${quote(edits[plan.name]?.target ?? plan.name)}.`;
      say(found.length > 1 ? 'target-ambiguous' : 'target-column-missing', found.length > 1 ? many : none, { column: plan.name });
      return plan;
    }
    taken.add(column.name);
    const key = table.key.columns.includes(index);
    const matched = matchColumn(plan, column, { origin, stats, wanted: edits[plan.name], key, habits: context.habits, say });
    unsure ||= matched !== undefined && isUnsure(matched, column, stats);
    return matched ?? { ...plan, target: column.name };
  });
  return { columns, extras: extraColumns(relation, taken, say), unsure };
}

type Values = {
  readonly origin: SourceColumn;
  readonly stats: ColumnStats;
  readonly wanted: PlanFile['tables'][string]['columns'][string] | undefined;
  readonly key: boolean;
  readonly habits: Habits;
  readonly say: Say;
};

function matchColumn(plan: ColumnPlan, column: TargetColumn, { origin, stats, wanted, key, habits, say }: Values): ColumnPlan | undefined {
  const where = { column: plan.name };
  const called = quote(column.name);
  if (column.generated)
    return void say('target-column-generated', `${called} is generated in Postgres, and a value of its own in SQLite.`, where);
  if (column.identity === 'always' && !key)
    return void say('target-type', `${called} is GENERATED ALWAYS in Postgres and no key: it cannot follow SQLite's values.`, where);
  if (column.folds) {
    const message = `${called} takes some texts for equal that SQLite tells apart.`;
    if (key) return void say('target-type', `${message} It is a key.`, where);
    say('target-folds', message, where);
  }
  const possible = candidates(column.base, origin, stats, habits);
  const shown = KINDS.has(column.base) ? column.type : column.base;
  if (possible.length === 0) return void say('target-type', `${called} is ${shown}, into which attacca brings no values.`, where);
  const type = typeOf(possible[0] ?? '');
  const { misfits } = wanted ?? {};
  const asked = misfits === 'repair' ? repairing(wanted?.codec ?? possible[0] ?? '', column.base) : wanted?.codec;
  if (misfits === 'repair' && asked === undefined)
    return void say(
      'target-type',
      `The plan file wants ${called} repaired, which is ${shown} in Postgres; only JSON and numeric(p,s) are.`,
      where,
    );
  if (misfits === 'widen')
    return void say('target-type', `The plan file wants ${called} to be widened, and it is the application's own in Postgres.`, where);
  if (asked !== undefined && typeOf(asked) !== type)
    return void say('target-type', `The plan file wants codec ${asked} for ${called}, which is ${shown} in Postgres.`, where);
  const tried = tryCodecs(asked === undefined ? possible : [asked], origin, stats);
  const codec = tried.codec ?? (asked !== undefined && tolerates(misfits, asked, stats) ? asked : undefined);
  if (codec === undefined && COUNTED.has(type) && asked === undefined && stats.integers > 0 && stats.texts + stats.blobs === 0)
    return void say('target-unit', `${called} is ${shown} in Postgres, and a number in SQLite that does not say what it counts.`, where);
  if (codec === undefined) {
    const count = stats.trials?.[asked ?? possible[0] ?? '']?.misfits ?? 1;
    const message = `${called} is ${shown} in Postgres, and its values do not fit: ${tried.why}.`;
    return void say('target-misfit', message, { ...where, count, samples: stats.samples });
  }
  if (key && !mayBeKey(codec))
    return void say(
      'target-type',
      `${called} is a key of type ${shown}, which takes some values for equal that SQLite tells apart.`,
      where,
    );
  if (column.notNull && stats.nulls > 0)
    say('target-not-null', `${called} is NOT NULL in Postgres, and ${stats.nulls} rows hold NULL.`, { ...where, count: stats.nulls });
  return {
    ...(({ expression: _, ...rest }) => rest)(plan),
    target: column.name,
    type,
    codec,
    ...(misfits !== undefined && { misfits }),
    notNull: column.notNull,
    default: null,
    ...((column.base !== FULL[type] || column.type !== FULL[type]) && { own: { type: column.type, base: column.base, oid: column.oid } }),
    reason: `${shown} in Postgres`,
  };
}

const COUNTED: ReadonlySet<string> = new Set(['interval', 'timestamp', 'timestamptz']);

const KINDS: ReadonlySet<string> = new Set(['enum', 'array', 'citext', 'other']);

/** As format_type writes attacca's own types. */
const FULL: Readonly<Record<string, string>> = {
  bigint: 'bigint',
  'double precision': 'double precision',
  text: 'text',
  bytea: 'bytea',
  boolean: 'boolean',
  numeric: 'numeric',
  date: 'date',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  uuid: 'uuid',
  json: 'json',
  jsonb: 'jsonb',
  time: 'time without time zone',
  interval: 'interval',
  inet: 'inet',
};

/** Limits that counts cannot prove. */
function isUnsure({ own }: ColumnPlan, { base, checked }: TargetColumn, { range, maxBytes }: ColumnStats): boolean {
  if (checked) return true;
  if (own === undefined) return false;
  const most = Number(/^character varying\((\d+)\)$/.exec(base)?.[1] ?? 0);
  if (most > 0) return maxBytes > most;
  const bits = { integer: 31n, smallint: 15n }[base];
  if (bits !== undefined) return range !== null && (range[0] < -(2n ** bits) || range[1] >= 2n ** bits);
  return base !== 'character varying';
}

function extraColumns({ name, columns }: TargetRelation, taken: ReadonlySet<string>, say: Say): string[] {
  const extras = columns.filter(column => !taken.has(column.name) && !column.generated);
  for (const column of extras) {
    const where = { column: column.name };
    const label = `${quote(name)} has a column ${quote(column.name)}, which SQLite does not have`;
    if (column.identity === 'always')
      say('target-column-required', `${label}; it is GENERATED ALWAYS and could not keep its values.`, where);
    else if (column.notNull && !column.fills) say('target-column-required', `${label}; it is NOT NULL and has no default.`, where);
    else say('target-column-extra', `${label}.`, where);
  }
  return extras.map(column => column.name);
}
