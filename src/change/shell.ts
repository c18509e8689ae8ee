/** A name as a shell takes it for one word, in the commands that we advise: quoted only where it has to be. */
export const shellWord = (name: string): string => (/^[\w@%+=:,./-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`);
