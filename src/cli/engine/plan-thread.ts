/*
 * The thread that reads every value of the file and decides what becomes what. What that leaves behind in memory goes with it,
 * and the process can do something else meanwhile.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { explain, openSource } from '../../sqlite/open.ts';
import { type Decided, type Deciding, decidePlan } from './deciding.ts';
import { disposable } from './disposable.ts';
import { type Failure, packed } from './failure.ts';

export type PlanTask = Omit<Deciding, 'onProgress'> & { readonly source: string };

export type PlanAnswer =
  | { readonly kind: 'progress'; readonly line: string }
  | { readonly kind: 'decided'; readonly decided: Decided }
  | { readonly kind: 'failed'; readonly failure: Failure };

const tell = (answer: PlanAnswer): void => parentPort?.postMessage(answer);
const { source, ...deciding } = workerData as PlanTask;

try {
  using db = disposable(openSource(source, { scan: true }));
  tell({ kind: 'decided', decided: decidePlan(db.database, { ...deciding, onProgress: line => tell({ kind: 'progress', line }) }) });
} catch (error) {
  tell({ kind: 'failed', failure: packed(explain(source, error)) });
}
