/* What ends a daemon, what it waits for, and with which exit code it gives up: 1, after which a supervisor starts it again, and never 2 [G7]. */
import { expect, test } from 'vitest';
import { Refused, ReplicationError, UsageError } from '../../src/change/errors.ts';
import { atStart, atWork } from '../../src/cli/disposition.ts';

const none = new UsageError('there is no file at app.db', 'Check the path.');
const refused = (code: string): Refused => new Refused('it cannot be used', [{ code, reason: 'why', remedy: 'what to do' }]);
const disposition = (error: unknown): unknown => (error instanceof ReplicationError ? error.disposition : error);

test('a daemon that never got going ends with what is wrong', () => {
  expect(atStart(none)).toBe(none);
  expect(disposition(atStart(new ReplicationError('retry', 'away', { hint: 'start it' })))).toBe('halt');
});

test('to one that has worked, a file that makes no sense is on its way; one that stays so is a halt', () => {
  let now = 1_000_000;
  const again = atWork('app.db', () => now);
  expect(disposition(again(none))).toBe('retry');
  now += 20_000;
  for (const code of ['corrupt', 'no-tables']) expect(disposition(again(refused(code)))).toBe('retry');
  now += 20_000;
  expect(disposition(again(none))).toBe('halt');
  expect(again(refused('corrupt'))).toMatchObject({ blockers: [{ code: 'corrupt' }] });
  now += 60_000; // it has worked meanwhile
  expect(disposition(again(none))).toBe('retry');
});

test('what is over soon is waited for however long it takes, and other refusals stand', () => {
  const again = atWork('app.db', () => 0);
  for (const code of ['controller-running', 'source-locked', 'postgres-standby']) expect(disposition(again(refused(code)))).toBe('retry');
  const drifted = refused('phase');
  expect(again(drifted)).toBe(drifted);
});
