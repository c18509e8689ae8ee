/*
 * The thread that counts half of the values beside the one that decides (plan-thread.ts). What fails here is left to that one, which
 * then counts these too, meets the same failure, and can say what it means.
 */
import { type MessagePort, workerData } from 'node:worker_threads';
import { openSource, PATIENT_MS } from '../../../sqlite/open.ts';
import { count, type Task } from '../../../sqlite/profile/count.ts';
import { giveWay } from '../priority.ts';
import type { Flag } from './plan-thread.ts';

/** `unwanted` is set when nobody waits for the answer any more. */
export type CountTask = { readonly source: string; readonly tasks: readonly Task[]; readonly answer: MessagePort; readonly unwanted: Flag };

giveWay();
const { source, tasks, answer, unwanted } = workerData as CountTask;
using db = openSource(source, { scan: true, readWaitMs: PATIENT_MS });
// It ends itself: a thread that is ended from outside while it loads a native module takes the process with it.
const goOn = (): void => void (Atomics.load(unwanted, 0) === 1 && process.exit());
answer.postMessage(tasks.map(task => count(db, task, goOn)));
