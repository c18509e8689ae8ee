import { expect, test } from 'vitest';
import { ReplicationError, UsageError } from '../../src/change/errors.ts';
import { dispositionOf, replicationError } from '../../src/postgres/session/errors.ts';

test.each([
  ['08006', 'retry'],
  ['40P01', 'retry'],
  ['53300', 'retry'],
  ['57P01', 'retry'],
  ['55P03', 'retry'],
  ['55006', 'retry'],
  ['22P02', 'quarantine'],
  ['23505', 'quarantine'],
  ['54000', 'quarantine'],
  ['25006', 'halt'],
  ['42P01', 'halt'],
  ['58030', 'halt'],
  ['XX001', 'halt'],
  ['ZZZZZ', 'halt'],
])('SQLSTATE %s: %s [G7]', (sqlstate, disposition) => {
  expect(dispositionOf(sqlstate)).toBe(disposition);
});

test.each([
  ['25006', 'PreventCommandIfReadOnly', 'retry'],
  ['55000', 'pg_current_wal_lsn', 'retry'],
  ['25006', 'exec_stmt_raise', 'halt'],
  ['55000', 'CreateDecodingContext', 'halt'],
])('SQLSTATE %s of %s: %s; a standby may be promoted, while a fence stands and a slot stays lost [G7]', (code, routine, disposition) => {
  const refused = Object.assign(new Error('x'), { code, routine, severity: 'ERROR' });
  expect(replicationError(refused)).toMatchObject({ sqlstate: code, disposition });
});

test('a lost network is tried again, what nobody foresaw halts, and a verdict is not changed [G7]', () => {
  for (const code of ['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE'])
    expect(replicationError(Object.assign(new Error('x'), { code }))).toMatchObject({ disposition: 'retry' });
  expect(replicationError(new TypeError('x is undefined'))).toMatchObject({ disposition: 'halt' });
  expect(replicationError('not even an error')).toMatchObject({ disposition: 'halt' });
  const verdicts = [new ReplicationError('quarantine', 'x', { hint: 'y' }), new UsageError('x', 'y')];
  for (const verdict of verdicts) expect(replicationError(verdict)).toBe(verdict);
});
