import { ReplicationError } from '../change/errors.ts';
import type { FlagConfig } from './config.ts';
import { type FlagState, meant } from './flag.ts';

/** How one kind of file holds the flag. Pure: text in, text out. */
export type Format = {
  /** undefined where the flag is not set. Throws ReplicationError where the text cannot be understood. */
  read(text: string, config: FlagConfig): FlagState | undefined;
  /** The text with the flag in it and everything else as it was; undefined is a file that does not exist yet. */
  write(text: string | undefined, config: FlagConfig, state: FlagState): string;
  /** What in the text would make the application not obey the flag; undefined when nothing does. */
  obstacle?(text: string, config: FlagConfig): string | undefined;
};

/** The state that a value and an epoch, as found in a file, stand for. An empty value is a flag that is not set. */
export function stateOf(value: string | undefined, epoch: string | undefined, config: FlagConfig): FlagState | undefined {
  if (value === undefined || value === '') return undefined;
  const primary = meant(value, config);
  if (primary === undefined) throw unreadable(config, `${config.key} is neither '${config.sqlite}' nor '${config.postgres}'`);
  return { primary, epoch: epochOf(epoch, config) };
}

/** A flag without an epoch was set by people before the first switch. */
function epochOf(text: string | undefined, config: FlagConfig): bigint {
  if (text === undefined || text === '') return 0n;
  if (/^\d{1,18}$/.test(text)) return BigInt(text);
  throw unreadable(config, `the epoch beside ${config.key} is not a whole number`);
}

export const nameOf = (state: FlagState, config: FlagConfig): string => config[state.primary];

/** The flag is there and cannot be understood: only a person can say what it means [G7]. */
export const unreadable = (config: FlagConfig, what: string): ReplicationError =>
  new ReplicationError('halt', `flag file ${config.path}: ${what}`, {
    hint: `correct ${config.path}, or the flag's path, format, key and values in the configuration`,
  });
