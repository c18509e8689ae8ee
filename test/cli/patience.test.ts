/* A command that hears nothing for some seconds says what it waits for; one that hears something does not. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { patient } from '../../src/cli/patience.ts';

function heard(): string[] {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  return [];
}

test('silence is explained once', () => {
  const lines = heard();
  using _patience = patient(line => lines.push(line));
  vi.advanceTimersByTime(60_000);
  expect(lines).toEqual([expect.stringContaining('no answer yet')]);
});

test('what is said instead is passed on, and nothing is left to say; nor at the end', () => {
  const lines = heard();
  const patience = patient((line, share) => lines.push(`${line} ${share}`));
  patience.say('half', 0.5);
  patient(line => lines.push(line))[Symbol.dispose]();
  expect(vi.getTimerCount()).toBe(0);
  expect(lines).toEqual(['half 0.5']);
  patience[Symbol.dispose]();
});
