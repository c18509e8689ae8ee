/* A sample of the table of crash points; `npm run test:cells` takes all of them. */
import { expect, test } from 'vitest';
import { canTrace } from '../support/disk.ts';
import { type Cell, type Mode, openBench } from './cells.ts';

test.each<{ mode: Mode; cells: readonly (readonly [Cell, ended: RegExp])[] }>([
  {
    mode: 'wal',
    cells: [
      [{ procedure: 'cutover', step: 'switch.postgres.prepare:after', loss: 'postgres' }, /cutover .* in verifying was (aborted|finished)/],
      [{ procedure: 'cutover', step: 'switch.postgres.open:after', loss: 'both' }, /cutover .* in switching was finished/],
      [{ procedure: 'rollback', step: 'locked.close:before', loss: 'both' }, /rollback .* in (draining|verifying)_back was aborted/],
      [{ procedure: 'rollback', step: 'locked.close:after', loss: 'controller' }, /rollback .* in switching_back was finished/],
    ],
  },
])('$mode: what is lost in the middle of a switch is settled by the next start, which says how; one side is open [G8] [G10]', sufferAll);

test.skipIf(!canTrace()).each<{ mode: Mode; cells: readonly (readonly [Cell, ended: RegExp])[] }>([
  {
    mode: 'wal',
    cells: [[{ procedure: 'cutover', step: 'held.close:after', loss: 'power' }, /cutover .* in verifying was finished/]],
  },
  {
    mode: 'delete',
    cells: [
      [{ procedure: 'cutover', step: 'switch.postgres.open:after', loss: 'power' }, /cutover .* in switching was finished/],
      [{ procedure: 'rollback', step: 'held.open:after', loss: 'power' }, /rollback .* in switching_back was finished/],
    ],
  },
])('$mode: a power failure, and everything that was not synced is gone: SQLite’s fence stands, one side is open [G8] [G10]', sufferAll);

async function sufferAll({ mode, cells }: { mode: Mode; cells: readonly (readonly [Cell, ended: RegExp])[] }): Promise<void> {
  await using bench = await openBench(mode);
  for (const [cell, ended] of cells) expect(await bench.suffer(cell), JSON.stringify(cell)).toMatch(ended);
}
