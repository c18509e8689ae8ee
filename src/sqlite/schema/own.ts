/*
 * What of sqlite_schema is attacca's, as SQL. A name of the application that only begins as ours do is any other name: the table is replicated, and
 * nobody drops it.
 */
export const isOwnTable = `(name in ('_attacca_control', '_attacca_journal', '_attacca_canary', '_attacca_fence', '_attacca_app_trigger'))`;

/** The tables without which nothing is captured. */
export const isCaptureTable = `(type = 'table' and name in ('_attacca_control', '_attacca_journal', '_attacca_canary'))`;

/** `name`: of a trigger. */
export const isOwnTrigger = (name = 'name'): string => `(${name} glob '_attacca_*_[0-9]*')`;

export const isOwn = `(type = 'table' and ${isOwnTable} or type = 'trigger' and ${isOwnTrigger()})`;
