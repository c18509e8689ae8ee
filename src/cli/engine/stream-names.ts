import type { Installed } from './engine.ts';

/** Names of the slot and the publication: one pair for each installation. */
export const streamOf = ({ install }: Pick<Installed, 'install'>): { readonly slot: string; readonly publication: string } => ({
  slot: `attacca_${install}`,
  publication: `attacca_${install}`,
});

/** What the SQLite file remembers beside an LSN, which means something in one history of one server only. */
export const historyOf = ({ engine }: Pick<Installed, 'engine'>, slot: string): string =>
  JSON.stringify({ system: engine.facts.systemIdentifier, timeline: engine.facts.timeline, slot });
