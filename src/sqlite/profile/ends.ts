import { quote } from '../../change/quote.ts';
import type { Profile } from '../../plan/schema.ts';
import type { Database } from '../open.ts';
import { readValues } from '../read/values.ts';

/** 0, '' and '0000-00-00', which often stand for "never", are far from every other value. */
const isTime = (column: string): string => `${column} <> 0 and ${column} <> '' and ${column} not glob '0000-*'`;

/** The profile with the first and the last value of columns, named as table.column: what their range is, as far as their order tells. */
export function withEnds(db: Database, profile: Profile, names: readonly string[]): Profile {
  if (names.length === 0) return profile;
  const tables = Object.entries(profile).map(([table, stats]) => {
    const columns = stats.columns.map(column => {
      if (!names.includes(`${table}.${column.name}`)) return column;
      const name = quote(column.name);
      const rows = readValues(
        db,
        [`min(${name})`, `max(${name})`],
        list => `select ${list} from ${quote(table)} where ${isTime(name)}`,
        [],
      );
      return { ...column, ends: (rows[0] ?? []).filter(value => value !== null) };
    });
    return [table, { ...stats, columns }] as const;
  });
  return Object.fromEntries(tables);
}
