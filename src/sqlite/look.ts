import { type Formats, formatOf, PLAIN } from '../plan/format.ts';
import { saysJson } from '../plan/hint.ts';
import type { SourceTable } from '../plan/schema.ts';

export type Looker = {
  /** The next table; counts begin anew. */
  begin(table: SourceTable): void;
  /** For SQL: counts what a text of the column at `place` looks like. 1 where only its bytes tell whether it is clean. */
  look(place: unknown, text: unknown): 0 | 1;
  formats(place: number): Formats;
};

/** Formats are few; time zones and lengths of fractions could make them many. */
const MOST_FORMATS = 64;
/** A column with so many texts that are no documents is none of documents: reading on would only cost. */
const MOST_MALFORMED = 100;

/** A text that SQL cannot judge: with a NUL, or with the character that stands for bytes which are not UTF-8. */
export const doubtful = (text: unknown): boolean => typeof text === 'string' && (text.includes('\0') || text.includes('\uFFFD'));

/** Whether somebody wants to know if the column holds JSON documents, although nothing about it says so. */
export type Documents = (table: string, column: string) => boolean;

export function looker(documents: Documents): Looker {
  let counts: Map<string, number>[] = [];
  let json: boolean[] = [];
  return {
    begin({ name, columns }) {
      counts = columns.map(() => new Map());
      json = columns.map(column => saysJson(column) || documents(name, column.name));
    },
    look(place, text) {
      const column = Number(place);
      const known = counts[column];
      if (typeof text !== 'string' || known === undefined) return 0;
      const found = formatOf(text, json[column] === true);
      const format = known.has(found) || known.size < MOST_FORMATS ? found : PLAIN;
      const count = (known.get(format) ?? 0) + 1;
      known.set(format, count);
      if (count > MOST_MALFORMED && format === 'malformed JSON') json[column] = false;
      return doubtful(text) ? 1 : 0;
    },
    formats: place => Object.fromEntries(counts[place] ?? []),
  };
}
