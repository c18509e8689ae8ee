/* Numbers on the command line: each takes what was typed, or throws InvalidArgumentError. */
import { InvalidArgumentError } from 'commander';

const between =
  (least: number, most: number) =>
  (text: string): number => {
    if (!/^\d{1,9}$/.test(text) || Number(text) < least || Number(text) > most)
      throw new InvalidArgumentError(`must be a whole number from ${least} to ${most}`);
    return Number(text);
  };

export const positive = between(1, 999_999_999);
export const chunk = between(100, 1_000_000);
export const pause = between(100, 3_600_000);

/** Commander takes null for an option without a value, so that there is a word for it. */
export function rate(text: string): number | 'off' {
  if (text === 'off') return text;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('must be a whole number from 1, or off');
  return Number(text);
}

export function ratio(text: string): number {
  if (!/^\d+(?:\.\d+)?$/.test(text) || Number(text) > 100) throw new InvalidArgumentError('must be a number from 0 to 100');
  return Number(text);
}
