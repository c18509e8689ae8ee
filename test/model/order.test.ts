/* The model asks its ports in the order in which a real cutover and a real rollback, on real databases, ask theirs. */
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { StatusDocument } from '../../src/server/documents.ts';
import { buildShop } from '../support/shop.ts';
import { caughtUp, openWorld } from '../support/world.ts';
import { EFFECTS } from './effects.ts';
import { type Kind, programOf } from './program.ts';
import { START, type State } from './state.ts';
import { forest } from './tree.ts';

/** What the ports of src/cli/engine are called here. A call of one port is sometimes two: what it waits for first is in front. */
const CALLS: Readonly<Record<string, readonly string[]>> = {
  'phase.step': ['advance'],
  'switch.sqlite.hold': ['hold'],
  'switch.sqlite.record': ['record'],
  'switch.postgres.checkpoint': ['checkpoint'],
  'switch.postgres.apply': ['apply'],
  'switch.postgres.verifiedUpTo': ['verifiedUpTo'],
  'switch.postgres.prepare': ['prepare'],
  'switch.postgres.open': ['open'],
  'switch.postgres.setVerified': ['setVerified'],
  'switch.postgres.lock': ['lock'],
  'switch.postgres.writeWatermark': ['watermark'],
  'switch.postgres.usedIds': ['usedIds'],
  'switch.postgres.resumeAt': ['resumeAt'],
  'held.state': ['heldState'],
  'held.usedIds': ['heldIds'],
  'held.close': ['close'],
  'held.open': ['reopen'],
  'locked.close': ['fence'],
  'flag.write': ['flag'],
};

/** The mirror and the comparison are no ports, and the phase is known after an own step. */
const MODEL_ONLY: ReadonlySet<string> = new Set(['begin', 'load', 'compare', 'reached', 'stop', 'takeDown']);

/** The phase moves; it may be sent and not waited for, or only looked at. */
const STEPS: ReadonlySet<string> = new Set(['send', 'advanced']);

/** What the model asks when nothing goes wrong. */
async function asked(kind: Kind, epoch: number, from: State): Promise<{ readonly calls: string[]; readonly after: State }> {
  const trees = forest();
  let node = await trees.start(kind, programOf(kind, epoch));
  let s = from;
  const calls: string[] = [];
  while (node.pending.length > 0) {
    const call = node.pending.find(({ name, args }) => name !== 'timer' && EFFECTS[name]!(s, 0, args) !== undefined)!;
    const { state, ok, value } = EFFECTS[call.name === 'send' ? 'advance' : call.name]!(s, 0, call.args)!; // it arrives at once
    s = call.name === 'watermark' ? { ...state, lsn: state.wal.length / 2 } : state; // the mirror brings it at once
    if (!MODEL_ONLY.has(call.name)) calls.push(STEPS.has(call.name) ? 'advance' : call.name);
    node = await trees.answer(node, call.id, { ok, value });
  }
  return { calls, after: s };
}

const mirroring = ({ phase }: StatusDocument): boolean => phase === 'mirroring';

test('the calls of a real cutover and a real rollback are those of the model, in its order', async () => {
  const file = join(tmpdir(), `attacca-order-${process.pid}`);
  await using world = await openWorld(buildShop(20), { verify: { everySeconds: 3_600 } }, { env: { ATTACCA_TIMELINE: file } });
  /** The calls that have ended since the switch began. */
  const real = async (what: string): Promise<string[]> => {
    await world.json(0, 'verify');
    const before = readFileSync(file, 'utf8').length;
    await world.json(0, what, '--yes');
    const points = readFileSync(file, 'utf8')
      .slice(before)
      .trimEnd()
      .split('\n')
      .map(line => line.split(' ')[1] ?? '');
    const begun = points.indexOf('phase.load:before'); // a rehearsal comes before
    return points.slice(begun).flatMap(point => (point.endsWith(':after') ? (CALLS[point.slice(0, -':after'.length)] ?? []) : []));
  };
  world.start();
  await world.until(caughtUp);
  const there = await asked('cutover', 1, START);
  expect(await real('cutover')).toEqual(there.calls);
  await world.until(mirroring);
  const again = await asked('rollback', 2, there.after);
  expect(await real('rollback')).toEqual(again.calls);
  rmSync(file);
});
