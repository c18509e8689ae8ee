/* The thread that reads every page of the file, so that a damaged one is refused before anything is put into it. */
import { parentPort, workerData } from 'node:worker_threads';
import { refuseDamaged } from '../../../sqlite/file/integrity.ts';
import { explain, openSource, PATIENT_MS } from '../../../sqlite/open.ts';
import { packed } from '../failure.ts';
import { giveWay } from '../priority.ts';

export type CheckTask = { readonly source: string };

giveWay();
const { source } = workerData as CheckTask;
try {
  using db = openSource(source, { scan: true, readWaitMs: PATIENT_MS });
  refuseDamaged(db, source);
} catch (error) {
  parentPort?.postMessage(packed(explain(source, error)));
}
