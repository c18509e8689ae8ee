/* The thread that reads every page of the file, so that a damaged one is refused before anything is put into it. */
import { parentPort, workerData } from 'node:worker_threads';
import { refuseDamaged } from '../../../sqlite/integrity.ts';
import { explain, openSource } from '../../../sqlite/open.ts';
import { disposable } from '../disposable.ts';
import { packed } from '../failure.ts';
import { giveWay } from '../priority.ts';

export type CheckTask = { readonly source: string };

giveWay();
const { source } = workerData as CheckTask;
try {
  using db = disposable(openSource(source, { scan: true }));
  refuseDamaged(db.database, source);
} catch (error) {
  parentPort?.postMessage(packed(explain(source, error)));
}
