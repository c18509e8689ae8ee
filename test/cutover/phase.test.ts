import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Event, isSwitching, MACHINE, next, PHASES, type Phase, primaryIn } from '../../src/cutover/phase.ts';
import { diagram } from './diagram.ts';

const eventsOf = (phase: Phase): Event[] => Object.keys(MACHINE[phase].on) as Event[];
const EVENTS = [...new Set(PHASES.flatMap(eventsOf))];
const steps = PHASES.flatMap(phase => EVENTS.map(event => ({ phase, event, to: MACHINE[phase].on[event] })));

test.each(steps)('$event while $phase leads to $to', ({ phase, event, to }) => {
  if (to === undefined) expect(() => next(phase, event)).toThrow(`illegal transition: ${event} while ${phase}`);
  else expect(next(phase, event)).toBe(to);
});

test('every phase can be reached from the first', () => {
  const reached = new Set<Phase>(['preparing']);
  for (const phase of reached) for (const event of eventsOf(phase)) reached.add(next(phase, event));
  expect([...reached].sort()).toEqual([...PHASES].sort());
});

test('from every phase but the last there is a way on, and from the last there is none', () => {
  expect(PHASES.filter(phase => eventsOf(phase).length === 0)).toEqual(['finished']);
});

test('abort exists exactly in a switch before its fence, and leads back to where the switch began', () => {
  const aborts = Object.fromEntries(
    PHASES.flatMap(phase => (MACHINE[phase].on.abort === undefined ? [] : [[phase, MACHINE[phase].on.abort]])),
  );
  expect(aborts).toEqual({
    fencing: 'shadowing',
    draining: 'shadowing',
    verifying: 'shadowing',
    fencing_back: 'mirroring',
    draining_back: 'mirroring',
    verifying_back: 'mirroring',
  });
});

test('after the fence there is only one way: forward', () => {
  expect(eventsOf('switching')).toEqual(['switched']);
  expect(eventsOf('switching_back')).toEqual(['switched']);
});

test('the way back is the same machine with the ends swapped', () => {
  const home: Readonly<Partial<Record<Phase, Phase>>> = { shadowing: 'mirroring', mirroring: 'shadowing' };
  for (const phase of ['fencing', 'draining', 'verifying', 'switching'] as const) {
    const swapped = Object.entries(MACHINE[phase].on).map(([event, to]) => [event, home[to] ?? `${to}_back`]);
    expect(MACHINE[`${phase}_back`].on).toEqual(Object.fromEntries(swapped));
  }
});

test.each(PHASES)('who is primary changes only through a phase in which nobody is: %s [G8]', phase => {
  for (const event of eventsOf(phase)) {
    const before = primaryIn(phase);
    const after = primaryIn(next(phase, event));
    if (before !== null && after !== null) expect(after).toBe(before);
  }
});

test('who is primary, phase by phase', () => {
  expect(Object.fromEntries(PHASES.map(phase => [phase, primaryIn(phase)]))).toEqual({
    preparing: 'sqlite',
    copying: 'sqlite',
    catching_up: 'sqlite',
    shadowing: 'sqlite',
    fencing: 'sqlite',
    draining: 'sqlite',
    verifying: 'sqlite',
    switching: null,
    mirroring: 'postgres',
    fencing_back: 'postgres',
    draining_back: 'postgres',
    verifying_back: 'postgres',
    switching_back: null,
    finished: 'postgres',
  });
});

test('a switch is what lies between the two phases in which a pipe runs', () => {
  expect(PHASES.filter(isSwitching)).toEqual(PHASES.filter(phase => /^(fencing|draining|verifying|switching)/.test(phase)));
});

test('the diagram in the runbook is the one that the table draws', () => {
  const drawn = /```\n([^`]*preparing[^`]*)```/.exec(readFileSync('deploy/runbook.md', 'utf8'))?.[1];
  expect(drawn, 'put what is expected here into deploy/runbook.md').toBe(diagram());
});
