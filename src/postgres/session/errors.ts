/*
 * What a failure of Postgres, of its driver or of the network between means for the machine.
 *
 * (1) Classified by SQLSTATE or by the operating system's code. Only the driver's own failures, which have neither, go by text.
 * (2) No row value gets out: `detail`, `where` and some messages hold them, so they are never copied and the cause is a digest.
 */
import { type Disposition, Refused, ReplicationError, UsageError } from '../../change/errors.ts';

const BY_CODE: ReadonlyMap<string, Disposition> = new Map([
  ['55P03', 'retry'], // lock_timeout
  ['55006', 'retry'], // the slot is still held by a connection that is dying
]);

const BY_CLASS: ReadonlyMap<string, Disposition> = new Map([
  ['08', 'retry'], // connection lost
  ['40', 'retry'], // deadlock, serialization failure
  ['53', 'retry'], // out of connections, memory or disk
  ['57', 'retry'], // server shutting down or recovering, statement cancelled
  ['21', 'quarantine'], // two rows of a batch have one key in Postgres
  ['22', 'quarantine'], // the value does not fit the column
  ['23', 'quarantine'], // a constraint the source does not have
  ['54', 'quarantine'], // a value too long for an index
]);

/** An unknown failure halts: skipping a change silently is the one thing we must never do [G7]. */
export const dispositionOf = (sqlstate: string): Disposition => BY_CODE.get(sqlstate) ?? BY_CLASS.get(sqlstate.slice(0, 2)) ?? 'halt';

/**
 * Functions of the server that refuse what a standby, or a database that is read-only for now, does not do: after a failover it may be about to be
 * promoted. By SQLSTATE they look like the fence, and like a slot that is lost.
 */
const TAKES_NO_WRITES = new Set([
  'PreventCommandIfReadOnly',
  'PreventCommandDuringRecovery',
  'pg_current_wal_lsn',
  'pg_current_wal_insert_lsn',
  'pg_walfile_name',
]);

const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOENT', // no server behind the unix socket
  'ERR_STREAM_PREMATURE_CLOSE', // the connection ended in the middle of a COPY
  'ERR_STREAM_DESTROYED',
]);

/** pg has no codes for these. It is pinned, and test/postgres/open.test.ts meets each that can be provoked. What it says of its own client helps nobody. */
const DRIVER =
  /^(?:(Connection terminated|Query read timeout|timeout expired)|Client has encountered a connection error|Client was closed)/;

/** Classes whose primary message names objects and limits, never a stored value. */
const SPEAKABLE = new Set(['08', '0A', '25', '26', '28', '2B', '3D', '3F', '40', '42', '53', '54', '55', '57', '58', 'F0']);

const WORDS: ReadonlyMap<string, string> = new Map([
  ['53100', 'no space is left on the disk of the Postgres server'],
  ['22001', 'a value is too long for its column'],
  ['22003', 'a number is out of range'],
  ['22021', 'a text is not valid in the server encoding'],
  ['22P02', 'a value cannot be read as the type of its column'],
  ['22P05', 'a text cannot be stored in the server encoding'],
  ['23502', 'a column that must not be null is null'],
  ['23503', 'a row refers to one that does not exist'],
  ['23505', 'a unique value exists twice'],
  ['23514', 'a check constraint refuses a row'],
]);

/** Where the usual hint would send people to the wrong place. */
const HINT_BY_CODE: ReadonlyMap<string, string> = new Map([
  ['53100', 'free space on the disk of the Postgres server and try again; nothing is lost'],
  [
    '53300',
    'let the role, the database and the server take more connections: attacca has up to eight at a time, or as many as snapshot.parallelChunks and three',
  ],
]);

/** Whoever reads the one for `retry` waits for nobody: a daemon that tries again says so in its log, without a hint. */
const HINTS: Readonly<Record<Disposition, string>> = {
  retry: 'try again; if it lasts, check that Postgres is up and reachable',
  quarantine: 'see attacca quarantine list; change the row in the application, or the plan, then retry it',
  halt: 'nothing is lost: remove the cause that is named, then start attacca again',
};

/** A failure of Postgres or of the way there. Message and cause hold no row values and no password. */
export class PostgresError extends ReplicationError {
  override readonly name = 'PostgresError';
  /** Five characters; null where the failure did not come from the server. */
  readonly sqlstate: string | null;
  readonly table: string | null;
  readonly constraint: string | null;
  readonly column: string | null;

  constructor(disposition: Disposition, message: string, facts: Facts & { readonly hint?: string; readonly cause?: unknown }) {
    super(disposition, message, { hint: facts.hint ?? HINT_BY_CODE.get(facts.sqlstate ?? '') ?? HINTS[disposition], cause: facts.cause });
    this.sqlstate = facts.sqlstate ?? null;
    this.table = facts.table ?? null;
    this.constraint = facts.constraint ?? null;
    this.column = facts.column ?? null;
  }
}

/** What of a server's error may be repeated. */
type Facts = {
  readonly sqlstate?: string | undefined;
  readonly table?: string | undefined;
  readonly constraint?: string | undefined;
  readonly column?: string | undefined;
};

/** Wraps what the driver threw; errors that already say what to do are returned as they are. Anything unknown halts. */
export function replicationError(error: unknown): Error {
  if (error instanceof ReplicationError || error instanceof Refused || error instanceof UsageError) return error;
  const facts = serverFacts(error);
  if (facts !== undefined) return serverError(facts);
  const code = codeOf(error);
  if (NETWORK.has(code)) return new PostgresError('retry', `the connection to Postgres failed (${code})`, {});
  const message = error instanceof Error ? error.message : '';
  const driver = DRIVER.exec(message);
  if (driver !== null)
    return new PostgresError('retry', `the connection to Postgres failed${driver[1] === undefined ? '' : `: ${message}`}`, {});
  return new ReplicationError('halt', 'a failure that attacca does not know', { hint: HINTS.halt, cause: error });
}

/** Whether Postgres refused what a row holds: the row can be quarantined and the others go on. */
export const isPoison = (error: unknown): error is PostgresError =>
  error instanceof PostgresError && error.sqlstate !== null && dispositionOf(error.sqlstate) === 'quarantine';

/** The operating system's or the driver's code of an error; '' where it has none. */
export function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
  return typeof code === 'string' ? code : '';
}

type ServerFacts = Facts & {
  readonly sqlstate: string;
  readonly said: string;
  readonly routine: string | undefined;
  readonly by: string | undefined;
};

/** Only an ErrorResponse has both a five-character code and a severity. */
function serverFacts(error: unknown): ServerFacts | undefined {
  const sqlstate = codeOf(error);
  if (!(error instanceof Error) || !/^[0-9A-Z]{5}$/.test(sqlstate) || !('severity' in error)) return undefined;
  const field = (name: string): string | undefined => {
    const value: unknown = Reflect.get(error, name);
    return typeof value === 'string' ? value : undefined;
  };
  const [table, constraint] = [field('table'), field('constraint')];
  // Of COPY's context only the name of the column, which stands before the value.
  const where = field('where') ?? '';
  const column = field('column') ?? /, line \d+, column (.+?): (?:"|null input)/.exec(where)?.[1];
  // What a function of somebody's says may hold values; which one it is does not.
  const by = sqlstate === 'P0001' ? /^PL\/pgSQL function (.+) line \d+ at RAISE/.exec(where)?.[1] : undefined;
  // The detail of 2BP01 names the objects that depend on the one to be dropped.
  const said = sqlstate === '2BP01' ? [error.message, field('detail')].join(': ').replaceAll('\n', '; ') : error.message;
  return { sqlstate, table, constraint, column, by, routine: field('routine'), said };
}

function serverError({ said, routine, by, ...facts }: ServerFacts): PostgresError {
  const speakable = SPEAKABLE.has(facts.sqlstate.slice(0, 2));
  const what =
    WORDS.get(facts.sqlstate) ?? (speakable ? said : `${by === undefined ? 'Postgres' : `the function ${by} in Postgres`} refused it`);
  const where = Object.entries({ table: facts.table, constraint: facts.constraint, column: facts.column })
    .filter(([, name]) => name !== undefined)
    .map(([kind, name]) => `${kind} ${name}`);
  const message = `${what} (${[`SQLSTATE ${facts.sqlstate}`, ...where].join(', ')})`;
  const disposition = TAKES_NO_WRITES.has(routine ?? '') ? 'retry' : dispositionOf(facts.sqlstate);
  return new PostgresError(disposition, message, { ...facts, cause: { ...facts, routine } });
}
