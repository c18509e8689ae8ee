/** A process of its own that applies endless transactions of equal size until it is killed: `path plan size`. */
import type { RowChange } from '../../src/change/change.ts';
import { Plan } from '../../src/plan/document.ts';
import { sqliteSink } from '../../src/sqlite/mirror/apply.ts';
import { INSTALL, lsn } from './mirrored.ts';

const [path = '', plan = '', size = '0'] = process.argv.slice(2);
const sink = sqliteSink({ path, plan: Plan.parse(JSON.parse(plan)), install: INSTALL });

async function* transaction(from: number): AsyncGenerator<RowChange> {
  for (let id = from; id < from + Number(size); id++) {
    yield { op: 'insert', table: 1, row: [String(id), `x${id}`] };
    if (id === from + 1) process.stdout.write('.');
  }
}

for (;;) {
  const position = (await sink.checkpoint()) + 1n;
  const from = Number(position - 101n) * Number(size);
  await sink.apply({ position: lsn(position), changes: transaction(from) });
}
