/*
 * What a column's declaration and name say that it is meant to hold. Values alone never decide for a narrow type: the next
 * value may be another.
 */
import { INTERVALS, TIMES } from '../codecs/registry.ts';
import type { SourceColumn } from '../schema.ts';

/** Declared so (TINYINT(1) is the boolean of MySQL, and of what writes its dialect), and not given the lie by its default (`weight BOOLEAN DEFAULT 1000`). */
export const saysBoolean = ({ declared, default: sql }: SourceColumn): boolean =>
  /^(?:bool|tinyint\s*\(\s*1\s*\))/i.test(declared) && (sql === null || /^\W*(?:[01]|t|f|true|false|y|n|yes|no|null)\W*$/i.test(sql));

export const declaresJson = ({ declared }: SourceColumn): boolean => /json/i.test(declared);
export const saysJson = (column: SourceColumn): boolean => declaresJson(column) || /json/i.test(column.name);

/** A UUID by its declaration, or a name that is about one. */
export const saysUuid = ({ declared, name }: SourceColumn): boolean => /uuid|guid/i.test(declared) || /uuid|guid/i.test(name);

/** Where UUIDs with their dashes are no accident. */
export const saysId = ({ name }: SourceColumn): boolean => /^id$|_id$|[a-z]I[Dd]$/.test(name);

export const declaresTime = ({ declared }: SourceColumn): boolean => /date|time/i.test(declared);
const declaresDay = ({ declared }: SourceColumn): boolean => /date/i.test(declared) && !/time/i.test(declared);

const TIME_NAME =
  /date|time|stamp|(?:^|_)(?:at|on|ts|dt|when|since|until|created|updated|modified|deleted|changed|added|expires?|expiry|seen|start|started|end|ended|finished|due|utc)$|^(?:created|updated|modified|deleted|expires)/i;
const DAY_NAME = /date$|day$|^dob$|_dob$|_on$/i;
/** Letter case is all that tells `createdOn` from `version`, and `seenAt` from `format`. */
const CAMEL_TIME = /[a-z](?:At|On|Created|Updated|Modified|Expires)$/;
const CAMEL_DAY = /[a-z]On$/;

const namesTime = (name: string): boolean => TIME_NAME.test(name) || CAMEL_TIME.test(name);
const namesDay = (name: string): boolean => (DAY_NAME.test(name) || CAMEL_DAY.test(name)) && !/time/i.test(name);

export const saysTime = (column: SourceColumn): boolean => declaresTime(column) || namesTime(column.name);
export const saysDay = (column: SourceColumn): boolean => declaresDay(column) || (!declaresTime(column) && namesDay(column.name));

/** Core Data calls its columns so. */
const CORE_DATA = /^Z[A-Z]/;
const DAY_NUMBER = /julian|(?:^|_)jdn?$/i;

/** Never chosen without being asked for: what an application writes in Postgres is seldom a whole number of its REALs. */
export const JULIAN = 'timestamptz(julian day)';

/** Codecs that only a trial tells from others: of what Postgres has, or of numbers that the declaration or the name says are points in time. */
export function guessed(column: SourceColumn, asked?: string): string[] {
  if (asked === 'time' || (asked === undefined && /^time\b/i.test(column.declared))) return [...TIMES];
  if (asked === 'interval') return [...INTERVALS];
  if (DAY_NUMBER.test(column.name) || /julian/i.test(column.declared)) return ['date(julian day)'];
  if (!declaresTime(column)) return [];
  return [CORE_DATA.test(column.name) ? 'timestamptz(s since 2001)' : 'timestamptz(ns since 1970)', JULIAN];
}
