/*
 * The thread that reads every value of the file and decides what becomes what. What that leaves behind in memory goes with it,
 * and the process can do something else meanwhile.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { explain, openSource, PATIENT_MS } from '../../../sqlite/open.ts';
import type { Counted, Task } from '../../../sqlite/profile/count.ts';
import { type Failure, packed } from '../failure.ts';
import { giveWay } from '../priority.ts';
import type { Far } from '../tell/reckoning.ts';
import { type Decided, type Deciding, decidePlan } from './deciding.ts';

export type PlanTask = Omit<Deciding, 'onProgress' | 'beside'> & { readonly source: string };

/** Seen by several threads: 0, later 1. */
export type Flag = Int32Array<SharedArrayBuffer>;

/**
 * Where the counts of the other thread arrive; `ended` is set when it has ended, with or without them. `unwanted` is set when nobody waits
 * for the answer any more.
 */
export type Helper = { readonly counted: MessagePort; readonly ended: Flag; readonly unwanted: Flag };

export type PlanAnswer =
  | { readonly kind: 'progress'; readonly far: Far }
  | { readonly kind: 'count'; readonly tasks: readonly Task[] }
  | { readonly kind: 'decided'; readonly decided: Decided }
  | { readonly kind: 'failed'; readonly failure: Failure };

giveWay();
const tell = (answer: PlanAnswer): void => parentPort?.postMessage(answer);
const { source, helper, ...deciding } = workerData as PlanTask & { readonly helper: Helper };

const beside = {
  begin: (tasks: readonly Task[]): void => tell({ kind: 'count', tasks }),
  result(): readonly Counted[] | undefined {
    Atomics.wait(helper.ended, 0, 0);
    return (receiveMessageOnPort(helper.counted) as { message: readonly Counted[] } | undefined)?.message;
  },
};

try {
  using db = openSource(source, { scan: true, readWaitMs: PATIENT_MS });
  const onProgress = (far: Far): void => {
    if (Atomics.load(helper.unwanted, 0) === 1) process.exit(); // the thread alone
    tell({ kind: 'progress', far });
  };
  tell({ kind: 'decided', decided: decidePlan(db, { ...deciding, onProgress, beside }) });
} catch (error) {
  tell({ kind: 'failed', failure: packed(explain(source, error)) });
}
