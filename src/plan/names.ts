/*
 * Names in Postgres: the source's own, unless Postgres cannot have them. It cuts at 63 bytes without a word, so two long
 * names would silently become one; tables and indexes share one namespace; a few column names are its own.
 */

const LIMIT = 63;

/** Hands out names that are unique within one namespace: the same names in the same order give the same result. */
export type Names = { take(wanted: string): string };

/** `reserved`: names that are not free. */
export function names(reserved: Iterable<string> = []): Names {
  const taken = new Set(reserved);
  return {
    take(wanted) {
      const base = wanted === '' ? '_' : wanted;
      let name = cut(base, LIMIT);
      for (let n = 2; taken.has(name); n++) name = `${cut(base, LIMIT - String(n).length - 1)}_${n}`;
      taken.add(name);
      return name;
    },
  };
}

/** What Postgres calls an object that it makes for a column: where that is too long, the longer one of both is cut. */
export function madeName(table: string, column: string, label: string): string {
  const room = LIMIT - Buffer.byteLength(label) - 2;
  const [a, b] = [Buffer.byteLength(table), Buffer.byteLength(column)];
  const least = Math.floor(room / 2);
  const ofColumn = a + b <= room ? b : Math.min(b, Math.max(least, room - a));
  return `${cut(table, Math.min(a, room - ofColumn))}_${cut(column, ofColumn)}_${label}`;
}

/** Columns that every Postgres table has already. */
export const SYSTEM_COLUMNS: readonly string[] = ['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid'];

/** The longest beginning of at most `limit` bytes of UTF-8. */
function cut(name: string, limit: number): string {
  let bytes = 0;
  let result = '';
  for (const character of name) {
    bytes += Buffer.byteLength(character);
    if (bytes > limit) break;
    result += character;
  }
  return result;
}

export const fits = (name: string): boolean => Buffer.byteLength(name) <= LIMIT;

/** What has the wanted name in Postgres; without a wish, what is called like the name in SQLite, letter case aside. */
export function byName<T extends { readonly name: string }>(list: readonly T[], name: string, wanted: string | undefined): readonly T[] {
  const exact = list.filter(each => each.name === (wanted ?? name));
  return exact.length > 0 || (wanted !== undefined && wanted !== name)
    ? exact
    : list.filter(each => each.name.toLowerCase() === name.toLowerCase());
}
