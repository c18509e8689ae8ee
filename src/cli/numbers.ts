/* Numbers on the command line: each takes what was typed, or throws InvalidArgumentError. */
import { InvalidArgumentError } from 'commander';

export function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('must be a whole number');
  return Number(text);
}

export function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('must be a whole number from 1');
  return Number(text);
}

/** Commander takes null for an option without a value, so that there is a word for it. */
export function rate(text: string): number | 'off' {
  if (text === 'off') return text;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('must be a whole number from 1, or off');
  return Number(text);
}

export function chunk(text: string): number {
  if (!/^\d{3,7}$/.test(text) || Number(text) < 100 || Number(text) > 1_000_000)
    throw new InvalidArgumentError('must be a whole number from 100 to 1000000');
  return Number(text);
}

export function ratio(text: string): number {
  if (!/^\d+(?:\.\d+)?$/.test(text) || Number(text) > 100) throw new InvalidArgumentError('must be a number from 0 to 100');
  return Number(text);
}
