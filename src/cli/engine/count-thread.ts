/*
 * The thread that counts half of the values beside the one that decides (plan-thread.ts). What fails here is left to that one, which
 * then counts these too, meets the same failure, and can say what it means.
 */
import { type MessagePort, workerData } from 'node:worker_threads';
import { count, type Task } from '../../sqlite/count.ts';
import { openSource } from '../../sqlite/open.ts';
import { disposable } from './disposable.ts';

export type CountTask = {
  readonly source: string;
  readonly tasks: readonly Task[];
  readonly answer: MessagePort;
  readonly ended: Int32Array<SharedArrayBuffer>;
};

const { source, tasks, answer, ended } = workerData as CountTask;
using db = disposable(openSource(source, { scan: true }));
answer.postMessage(tasks.map(task => count(db.database, task)));
// The thread that started this one does the same when this has ended otherwise; it may be busy just now.
Atomics.store(ended, 0, 1);
Atomics.notify(ended, 0);
