/*
 * Functions in JS that SQLite's own expressions call, for one value at a time.
 */
import type { Value } from '../change/value.ts';
import type { Database } from './open.ts';

const registered = new WeakMap<Database, Map<string, string>>();

/** The name of the function on this connection; `kind` says which it is, so that it is registered once. */
export function functionFor(db: Database, kind: string, make: (value: Value) => string | null): string {
  const known = registered.get(db) ?? new Map<string, string>();
  registered.set(db, known);
  const name = known.get(kind) ?? `attacca_${known.size}`;
  if (!known.has(kind)) db.function(name, { deterministic: true, directOnly: true }, make);
  known.set(kind, name);
  return name;
}
