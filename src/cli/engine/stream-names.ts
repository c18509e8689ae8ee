import type { Engine, Installed } from './engine.ts';

/** Names of the slot and the publication: one pair for each installation. */
export const streamOf = ({ install }: Pick<Installed, 'install'>): { readonly slot: string; readonly publication: string } => ({
  slot: `attacca_${install}`,
  publication: `attacca_${install}`,
});

/** What the SQLite file remembers beside an LSN, which means something in one history of one server only. */
export const historyOf = ({ facts }: Pick<Engine, 'facts'>, slot: string): string =>
  JSON.stringify({ system: facts.systemIdentifier, timeline: facts.timeline, slot });

/** A watermark's token with the moment at which it was written: once it has come through, everything before that moment has. */
export const dated = (token: string): string => `${token}@${new Date().toISOString()}`;

/** The moment in a token; null where there is none. */
export const momentOf = (token: string | null): string | null => /@(.+)$/.exec(token ?? '')?.[1] ?? null;
