import { readFileSync } from 'node:fs';

const ROOT = new URL('../../triggers/', import.meta.url);
const cache = new Map<string, string>();

/**
 * A file of `triggers/` with its {braces} filled in. Values are inserted as they are: identifiers come quoted (`quote`).
 * Throws RangeError for a brace without a value, so that no half-filled SQL reaches a database.
 */
export function template(path: string, values: Readonly<Record<string, string>>): string {
  const text = cache.get(path) ?? readFileSync(new URL(path, ROOT), 'utf8');
  cache.set(path, text);
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new RangeError(`triggers/${path}: no value for {${name}}`);
    return value;
  });
}
