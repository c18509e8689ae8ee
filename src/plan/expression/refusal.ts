/** Why an SQL text has no translation: a clause for the person who reads "… is not created in Postgres: <reason>". */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** What a translation of SQL text gives: a result, or the reason why there is none. Errors that are no Refusal are thrown on. */
export function attempt<T>(work: () => T): T | { readonly reason: string } {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refusal) return { reason: error.message };
    throw error;
  }
}
