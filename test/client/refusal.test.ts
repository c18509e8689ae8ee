import { expect, test } from 'vitest';
import { belief } from '../../src/client/belief.ts';
import { fenceIn, Refusal, refusalOf } from '../../src/client/refusal.ts';

const failed = (code: string, message = 'it failed'): Error => Object.assign(new Error(message), { code });

test.each(['SQLITE_BUSY', 'SQLITE_BUSY_SNAPSHOT', 'SQLITE_LOCKED', '40001', '40P01', '57P01', '57P02'])(
  'after %s a transaction is as good as new',
  code => {
    expect(refusalOf(failed(code))).toBeInstanceOf(Refusal);
  },
);

test.each(['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_FULL', '23505', '25P02', '57014', ''])('%s is the application’s own', code => {
  expect(refusalOf(failed(code))).toBeUndefined();
});

test('a fence says who is primary since when; whatever else it says is believed by nobody', () => {
  expect(fenceIn('ATTACCA_FENCED epoch=7 primary=postgres: closed')).toEqual({ primary: 'postgres', epoch: 7n });
  expect(fenceIn('ATTACCA_FENCED epoch=7 primary=nobody')).toBeUndefined();
  expect(refusalOf(failed('P0001', 'ATTACCA_FENCED without more'))).toMatchObject({ fence: undefined });
});

test('the newest epoch is believed, and of one epoch a fence more than a flag [G8]', () => {
  const known = belief({ primary: 'sqlite', epoch: 0n }, () => undefined);
  const heard = (from: 'flag' | 'fence', primary: 'sqlite' | 'postgres', epoch: bigint): string => {
    known[from]({ primary, epoch });
    return known.primary();
  };
  expect(heard('fence', 'postgres', 1n)).toBe('postgres');
  expect(heard('flag', 'sqlite', 1n)).toBe('postgres');
  expect(heard('fence', 'sqlite', 0n)).toBe('postgres');
  expect(heard('flag', 'sqlite', 2n)).toBe('sqlite');
  expect(heard('flag', 'postgres', 2n), 'a flag may be corrected by hand').toBe('postgres');
  expect(heard('flag', 'sqlite', 0n), 'a flag that has lost its epoch is an old one').toBe('postgres');
  expect(heard('flag', 'sqlite', 0n)).toBe('postgres');
});
