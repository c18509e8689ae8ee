/* The picture of the phases in deploy/runbook.md, drawn from the table that the code walks. */
import { type Event, MACHINE, PHASES, type Phase } from '../../src/cutover/phase.ts';

const stepsOf = (phase: Phase): [Event, Phase][] => Object.entries(MACHINE[phase].on) as [Event, Phase][];

/** A line for each stretch of the way on, then a line for each other step, then who accepts writes. */
export function diagram(): string {
  const drawn = new Set<Phase>();
  const lines = PHASES.filter(phase => stepsOf(phase).length > 0).flatMap(phase => (drawn.has(phase) ? [] : [stretch(phase, drawn)]));
  return [...lines, '', ...asides(), '', ...primaries(), ''].join('\n');
}

/** From `phase` along the first event of each, to where the application's operator decides or the line meets another. */
function stretch(phase: Phase, drawn: Set<Phase>): string {
  let line: string = phase;
  for (let at = phase; !drawn.has(at); ) {
    drawn.add(at);
    const [event, to] = stepsOf(at)[0] ?? [];
    if (event === undefined || to === undefined) break;
    line += ` ─${event}─► ${to}`;
    at = to;
    if (RESTS.has(at)) break;
  }
  return line;
}

/** Where it stays until somebody gives a command. */
const RESTS: ReadonlySet<Phase> = new Set(['shadowing', 'mirroring', 'finished']);

/** The steps that are not the way on, those with the same event and end together. */
function asides(): string[] {
  const from = new Map<string, Phase[]>();
  for (const phase of PHASES) {
    for (const [event, to] of stepsOf(phase).slice(1)) {
      const step = `─${event}─► ${to}`;
      from.set(step, [...(from.get(step) ?? []), phase]);
    }
  }
  return [...from].map(([step, phases]) => `${phases.join(', ')} ${step}`);
}

function primaries(): string[] {
  const names = [
    ['SQLite accepts writes', 'sqlite'],
    ['Postgres accepts writes', 'postgres'],
    ['nobody, for milliseconds', null],
  ] as const;
  return names.map(([words, side]) => `${`${words}:`.padEnd(26)}${PHASES.filter(phase => MACHINE[phase].primary === side).join(', ')}`);
}
