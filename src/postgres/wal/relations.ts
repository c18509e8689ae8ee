/*
 * What decoded messages mean in terms of the plan.
 *
 * (1) Relations are known by OID, and tied to a table of the plan when Postgres describes them: before their first change, and again
 *     after every DDL. So a table that was changed behind our back is noticed before one of its rows is used [G7].
 * (2) The watermark is table 0. Only its tokens are of interest, not their going away.
 */
import { type PgKey, type PgText, type RowChange, WATERMARK } from '../../change/change.ts';
import { ReplicationError } from '../../change/errors.ts';
import { at, type ColumnPlan, type Plan } from '../../plan/plan.ts';
import type { Message, Relation, Tuple } from './pgoutput.ts';

/** Where a table's columns are in the tuples of its relation; `key` are indexes into `columns`. */
type Place = { readonly table: number; readonly name: string; readonly columns: readonly number[]; readonly key: readonly number[] };

const TOKENS: Place = { table: WATERMARK, name: 'attacca.watermark', columns: [0], key: [0] };

const OIDS: Readonly<Record<ColumnPlan['type'], number>> = {
  boolean: 16,
  bytea: 17,
  bigint: 20,
  text: 25,
  json: 114,
  'double precision': 701,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802,
  time: 1083,
  interval: 1186,
  inet: 869,
};

/** Makes a translator of one connection's messages, in their order. It throws ReplicationError('halt') where the plan no longer fits. */
export function translator(plan: Plan): (message: Message) => RowChange | undefined {
  const places = new Map<number, Place>();
  /** Partitions are described too, and their rows then come as the table's. */
  const strangers = new Map<number, string>();
  const placeOf = (oid: number): Place => {
    const place = places.get(oid);
    if (place !== undefined) return place;
    const name = strangers.get(oid);
    if (name === undefined) throw misfit('Postgres sent a row of a table that it had not described', 'report this as a bug');
    throw misfit(
      `the publication has the table ${name}, which is not in the plan`,
      `take it out of the publication, or give it its old name again. ${AGAIN}`,
    );
  };
  return message => {
    switch (message.kind) {
      case 'relation': {
        const { oid, schema, name } = message.relation;
        const found = place(message.relation, plan);
        if (found === undefined) strangers.set(oid, `${schema}.${name}`);
        else places.set(oid, found);
        return undefined;
      }
      case 'insert': {
        const to = placeOf(message.oid);
        return { op: 'insert', table: to.table, row: row(to, message.row) };
      }
      case 'update': {
        const to = placeOf(message.oid);
        return { op: 'update', table: to.table, key: key(to, message.old ?? message.row), row: row(to, message.row) };
      }
      case 'delete': {
        const to = placeOf(message.oid);
        return to.table === WATERMARK ? undefined : { op: 'delete', table: to.table, key: key(to, message.old) };
      }
      case 'truncate': {
        const tables = message.oids.map(oid => placeOf(oid).table).filter(table => table !== WATERMARK);
        return tables.length === 0 ? undefined : { op: 'truncate', tables };
      }
      default:
        return undefined;
    }
  };
}

const row = ({ columns }: Place, tuple: Tuple): (PgText | undefined)[] => columns.map(index => tuple[index]);

function key({ name, columns, key }: Place, tuple: Tuple): PgKey {
  return key.map(index => {
    const value = tuple[at(columns, index)];
    if (value === undefined) throw misfit(`a change in ${name} came without its key`, 'set the replica identity of the table to full');
    return value;
  });
}

/** Ties a relation to its table of the plan, and checks that it still is the table that was planned; undefined where it is none of those. */
function place(relation: Relation, plan: Plan): Place | undefined {
  const name = `${relation.schema}.${relation.name}`;
  if (name === TOKENS.name) return TOKENS;
  const table = relation.schema === plan.schema ? plan.tables.find(({ target }) => target === relation.name) : undefined;
  if (table === undefined) return undefined;
  const columns = table.columns.map(column => columnOf(relation, name, column));
  // A column that SQLite has not stays out of it; who looks at the catalog says so.
  const bare = table.key.columns.find(index => !relation.columns[at(columns, index)]?.identity);
  if (bare !== undefined)
    throw misfit(
      `the replica identity of ${name} does not contain its key column ${at(table.columns, bare).target}`,
      `run: alter table ${name} replica identity full. ${AGAIN}`,
    );
  return { table: table.id, name, columns, key: table.key.columns };
}

function columnOf(relation: Relation, name: string, column: ColumnPlan): number {
  const index = relation.columns.findIndex(found => found.name === column.target);
  const found = relation.columns[index];
  if (found === undefined) throw changed(`the column ${column.target} of ${name} is gone, or the publication leaves it out`);
  if (found.type !== (column.own?.oid ?? OIDS[column.type]))
    throw changed(`the column ${column.target} of ${name} is no longer ${column.type}`);
  return index;
}

const changed = (message: string): ReplicationError =>
  misfit(message, `undo the change. ${AGAIN}, or give up the way back with \`attacca finish\``);

/** The stream has the tables as they were at each change, whatever has been done since. */
const AGAIN = 'Then run `attacca resync`, without which the changes made meanwhile come again, and start `attacca sync`';

const misfit = (message: string, hint: string): ReplicationError => new ReplicationError('halt', message, { hint });
