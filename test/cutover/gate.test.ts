import { expect, test } from 'vitest';
import { blockers, type Facts } from '../../src/cutover/gate.ts';
import { PHASES } from '../../src/cutover/phase.ts';

const ready: Facts = {
  direction: 'cutover',
  phase: 'shadowing',
  paused: false,
  lagMs: 0,
  lagChanges: 0n,
  maxLagMs: 2_000,
  quarantine: 0,
  suspended: [],
  verified: { ok: true, ageMs: 60_000 },
  verifyMaxAgeMs: 3_600_000,
  cannotStream: [],
  flagProblem: undefined,
  reverseProblem: undefined,
  fenceProblem: undefined,
  unreadableTriggers: [],
  newTables: [],
  drifted: [],
  stopped: undefined,
  obstacles: [],
};
const back: Facts = { ...ready, direction: 'rollback', phase: 'mirroring' };
const codes = (facts: Facts): string[] => blockers(facts).map(({ code }) => code);

test('nothing stands in the way of a cutover or a rollback that is ready', () => {
  expect(blockers(ready)).toEqual([]);
  expect(blockers(back)).toEqual([]);
});

const noWal = { code: 'wal-level', reason: 'wal_level is replica', remedy: 'set it to logical' };

test.each<{ code: string; facts: Partial<Facts>; says: string }>([
  { code: 'lag', facts: { lagMs: 2_000.6, lagChanges: 17n }, says: '17 changes are not applied yet, the oldest for 2001 ms' },
  { code: 'quarantine', facts: { quarantine: 3 }, says: '3 rows are in quarantine' },
  { code: 'suspended', facts: { suspended: ['log', 'line'] }, says: 'log, line' },
  { code: 'not-verified', facts: { verified: null }, says: 'never fully compared' },
  { code: 'differences', facts: { verified: { ok: false, ageMs: 0 } }, says: 'found differences' },
  { code: 'verification-age', facts: { verified: { ok: true, ageMs: 3_600_001 } }, says: '60 minutes old' },
  { code: 'flag', facts: { flagProblem: 'no write permission' }, says: 'no write permission' },
  { code: 'reverse-path', facts: { reverseProblem: 'the canary row did not arrive' }, says: 'the canary row did not arrive' },
  { code: 'new-tables', facts: { newTables: ['invoices'] }, says: 'not replicated: invoices' },
  { code: 'schema', facts: { drifted: ['orders'] }, says: 'as the plan has them: orders' },
  { code: 'triggers', facts: { unreadableTriggers: ['audit', 'touch'] }, says: 'audit, touch' },
  { code: 'new-tables', facts: { newTables: ['invoices'] }, says: 'not replicated: invoices' },
  { code: 'stopped', facts: { stopped: 'the slot is lost' }, says: 'the slot is lost' },
  { code: 'fence', facts: { fenceProblem: 'a trigger is missing' }, says: 'a trigger is missing' },
])('$code is a reason of its own, in both directions [G9]', ({ code, facts, says }) => {
  for (const base of [ready, back]) {
    const found = blockers({ ...base, ...facts });
    expect(found.map(blocker => blocker.code)).toEqual([code]);
    expect(found[0]!.reason).toContain(says);
    expect(found[0]!.remedy).not.toBe('');
  }
});

test('differences are put right from the side that is primary [G9]', () => {
  const remedy = (facts: Facts) => blockers({ ...facts, verified: { ok: false, ageMs: 0 } })[0]?.remedy;
  expect(remedy(ready)).toContain('attacca verify --repair');
  expect(remedy(back)).toContain('attacca resync');
});

test('what was found in the databases is named after the rest, in both directions, and not in another phase [G9]', () => {
  const obstacles = [{ code: 'disk', reason: 'full', remedy: 'make room' }];
  for (const base of [ready, back]) expect(codes({ ...base, quarantine: 1, obstacles })).toEqual(['quarantine', 'disk']);
  expect(codes({ ...ready, phase: 'copying', obstacles })).toEqual(['phase']);
});

test('what the server lacks for the way back stands in the way of a cutover, no longer of a rollback [G9]', () => {
  expect(blockers({ ...ready, cannotStream: [noWal] })).toEqual([noWal]);
  expect(blockers({ ...back, cannotStream: [noWal] })).toEqual([]);
});

test.each(PHASES)('in %s only the switch that begins there may begin [G9]', phase => {
  expect(codes({ ...ready, phase })).toEqual(phase === 'shadowing' ? [] : ['phase']);
  expect(codes({ ...back, phase })).toEqual(phase === 'mirroring' ? [] : ['phase']);
});

test('in the wrong phase nothing else is asked: the other facts mean nothing there', () => {
  expect(codes({ ...ready, phase: 'copying', verified: null, lagMs: 1e9, quarantine: 9 })).toEqual(['phase']);
});

test('whoever waits for a copy that is paused is told how it goes on [G9]', () => {
  const remedy = (facts: Partial<Facts>) => blockers({ ...ready, phase: 'copying', ...facts })[0]?.remedy;
  expect(remedy({ paused: true })).toContain('attacca throttle --resume');
  expect(remedy({})).not.toContain('throttle');
});

test('every reason is named at once, so that one dry run is enough', () => {
  const all: Partial<Facts> = {
    lagMs: 1e6,
    quarantine: 1,
    verified: { ok: false, ageMs: 1e9 },
    cannotStream: [noWal],
    flagProblem: 'a',
    reverseProblem: 'b',
    fenceProblem: 'c',
  };
  const expected = ['lag', 'quarantine', 'differences', 'verification-age', 'wal-level', 'flag', 'reverse-path', 'fence'];
  expect(codes({ ...ready, ...all })).toEqual(expected);
});

test('a limit is still allowed', () => {
  expect(blockers({ ...ready, lagMs: 2_000, verified: { ok: true, ageMs: 3_600_000 } })).toEqual([]);
  expect(codes({ ...ready, maxLagMs: 0, lagMs: 0 })).toEqual([]);
});

test('a rollback after finish is told that there is none', () => {
  expect(blockers({ ...back, phase: 'finished' })[0]!.remedy).toBe('there is no way back after finish');
});
