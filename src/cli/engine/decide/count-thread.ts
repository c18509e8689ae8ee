/*
 * The thread that counts half of the values beside the one that decides (plan-thread.ts). What fails here is left to that one, which
 * then counts these too, meets the same failure, and can say what it means.
 */
import { type MessagePort, workerData } from 'node:worker_threads';
import { count, type Task } from '../../../sqlite/count.ts';
import { openSource } from '../../../sqlite/open.ts';
import { disposable } from '../disposable.ts';
import { giveWay } from '../priority.ts';

export type CountTask = { readonly source: string; readonly tasks: readonly Task[]; readonly answer: MessagePort };

giveWay();
const { source, tasks, answer } = workerData as CountTask;
using db = disposable(openSource(source, { scan: true }));
answer.postMessage(tasks.map(task => count(db.database, task)));
