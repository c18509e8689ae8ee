/*
 * Where the daemon is killed, in one list: every await of pipe, apply, snapshot, prune and the switches (src/cli/engine/points.ts).
 * `#n` is the n-th time. `*#n` is the n-th point of whatever name, so that what is added later is met as well.
 */

/** While tables are copied and while it catches up for the first time; counted from the start of the process. */
export const COPYING = [
  'snapshot.write:before',
  'snapshot.write:after',
  'snapshot.write:before#4',
  'snapshot.write:after#9',
  'snapshot.read:before#2',
  'snapshot.read:after',
  'snapshot.read:after#7',
  'snapshot.copy:before',
  'snapshot.copy:after#2',
  'snapshot.copy:before#6',
  'snapshot.copy:after#8',
  'main.query:before#12',
  'main.query:after#15',
  'side.query:before#2',
  'side.query:after#4',
  'journal.read:before',
  'postgres.checkpoint:before',
  'postgres.checkpoint:after',
] as const;

/** While it shadows; counted from a signal. */
export const SHADOWING = [
  'postgres.apply:before',
  'postgres.apply:after',
  'postgres.apply:after#3',
  'main.roundTrip:before',
  'main.roundTrip:after',
  'main.roundTrip:before#2',
  'main.roundTrip:after#3',
  'main.roundTrip:before#8',
  'main.roundTrip:after#13',
  'journal.acknowledge:before',
  'journal.acknowledge:after',
  'journal.pin:before',
  'journal.pin:after',
  'side.query:before#2',
  'side.query:after#2',
  'marks.prune:before',
  'marks.prune:after',
  'prune.step:after',
  'prune.step:after#2',
] as const;

/** While it shadows and a large transaction comes. */
export const BULK = [
  'main.query:before',
  'main.query:after',
  'main.query:before#2',
  'main.query:after#2',
  'main.query:before#3',
  'main.query:after#3',
  'main.query:before#5',
  'main.query:after#8',
  'main.copyIn:before',
  'main.copyIn:after',
  'main.copyIn:before#3',
  'main.copyIn:after#2',
] as const;

/** In a cutover, with who is primary after the restart. */
export const CUTOVER = [
  ['flag.check:after#2', 'sqlite'], // the gate is passed and the slot is made, the switch has not begun
  ['phase.step:before', 'sqlite'],
  ['switch.sqlite.hold:after', 'sqlite'],
  ['switch.postgres.checkpoint:after', 'sqlite'],
  ['phase.step:after#2', 'sqlite'],
  ['switch.postgres.prepare:after', 'sqlite'],
  ['held.raise:after', 'sqlite'],
  ['held.close:before', 'sqlite'],
  ['held.close:after', 'postgres'],
  ['switch.postgres.open:before', 'postgres'],
  ['switch.postgres.open:after', 'postgres'],
  ['flag.write:before', 'postgres'],
  ['flag.write:after', 'postgres'],
  ['switch.postgres.setVerified:after', 'postgres'],
] as const;

/** While Postgres is primary, and in a rollback, with who is primary after the restart. */
export const MIRRORING = [
  ['mirror.apply:before', 'postgres'],
  ['mirror.apply:after#2', 'postgres'],
] as const;

export const ROLLBACK = [
  ['switch.postgres.lock:after', 'postgres'],
  ['switch.postgres.writeWatermark:after', 'postgres'],
  ['held.lower:after', 'postgres'],
  ['locked.close:before', 'postgres'],
  ['locked.close:after', 'sqlite'],
  ['held.open:before', 'sqlite'],
  ['held.open:after', 'sqlite'],
  ['switch.postgres.resumeAt:after', 'sqlite'],
  ['flag.write:after', 'sqlite'],
] as const;
