/*
 * A flag in a place that is not ours and has no compare-and-set: it is read, written, and read back until it says what was written.
 *
 * (1) Writing is over only when the place says so itself; a lost answer is no answer, and the next try finds out.
 * (2) Nothing is written over a newer epoch: the one in the place, or where it holds none, the one in Postgres.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, ReplicationError } from '../change/errors.ts';
import { type FlagContext, type FlagProvider, type FlagState, meant, type Side } from './flag.ts';

/** What was found: `value` is undefined where the flag was never set, `epoch` where there is none. */
export type Found = { readonly value: string | undefined; readonly epoch: string | undefined };

export type Outside = {
  /** The flag's place, for people; no secret is in it. */
  readonly name: string;
  readonly read: () => Promise<Found>;
  readonly write: (state: FlagState) => Promise<void>;
  /** The value that stands for a side where it is read. */
  readonly meaning: Readonly<Record<Side, string>>;
  /** How long the place may take until it says what was written. */
  readonly settleMs: number;
  /** The gate writes the present state again, to prove that it may. */
  readonly rewrite: boolean;
};

const LOOK_MS = 50;

/** A provider over any place that can be read and written. */
export function verifiedFlag(outside: Outside, context: Pick<FlagContext, 'epoch'>): FlagProvider {
  const { name, meaning } = outside;

  async function look(): Promise<Seen | undefined> {
    const { value, epoch } = await tried(outside.read);
    if (value === undefined || value === '') return undefined;
    const primary = meant(value, meaning);
    if (primary === undefined) throw strange(name, `it is neither '${meaning.sqlite}' nor '${meaning.postgres}'`);
    return { primary, epoch: epochOf(name, epoch) };
  }

  async function read(): Promise<FlagState | undefined> {
    const seen = await look();
    return seen && { primary: seen.primary, epoch: seen.epoch ?? (await context.epoch()) };
  }

  async function write(state: FlagState): Promise<void> {
    const known = await context.epoch();
    const seen = await look();
    const newest = seen?.epoch === undefined || seen.epoch < known ? known : seen.epoch;
    if (newest > state.epoch) throw older(name, newest, state.epoch);
    // Without an epoch it cannot be told from one that a cache still shows, of an earlier switch to the same side.
    if (seen?.epoch === undefined || !says(seen, state)) await put(state);
  }

  async function put(state: FlagState): Promise<void> {
    await tried(() => outside.write(state));
    for (const deadline = performance.now() + outside.settleMs; !says(await look(), state); await delay(LOOK_MS))
      if (performance.now() >= deadline) throw unreached(name, new Error('it reads back differently from what was just written'));
  }

  /** Whatever a request or a program failed with may heal, and after the fence the only way is forward: retry. */
  async function tried<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw unreached(name, error);
    }
  }

  return {
    read,
    write,
    describe: () => name,
    async check(primary) {
      try {
        const state = await read();
        if (state?.primary === primary && outside.rewrite) await put(state);
        return undefined;
      } catch (error) {
        return messageOf(error);
      }
    },
  };
}

type Seen = { readonly primary: Side; readonly epoch: bigint | undefined };

const says = (seen: Seen | undefined, state: FlagState): boolean =>
  seen?.primary === state.primary && (seen.epoch === undefined || seen.epoch === state.epoch);

/** undefined where the place holds none. */
function epochOf(name: string, text: string | undefined): bigint | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,18}$/.test(text)) return BigInt(text);
  throw strange(name, 'its epoch is not a whole number');
}

const unreached = (name: string, error: unknown): ReplicationError =>
  new ReplicationError('retry', `flag ${name}: ${messageOf(error)}`, {
    hint: 'remove the cause that is named: address, rights, secret, or the program itself. attacca goes on trying',
  });

const strange = (name: string, what: string): ReplicationError =>
  new ReplicationError('halt', `flag ${name}: ${what}`, { hint: "correct the flag, or the flag's values in the configuration" });

/** The same sentence for every place that knows a newer epoch. */
export const older = (name: string, found: bigint, wanted: bigint): ReplicationError =>
  new ReplicationError('halt', `flag ${name} is at epoch ${found}, newer than ${wanted}`, {
    hint: 'another controller, or another installation, has switched this flag since: find out which one is right',
  });
