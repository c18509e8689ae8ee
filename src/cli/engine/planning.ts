import { once } from 'node:events';
import { MessageChannel, type Transferable, Worker } from 'node:worker_threads';
import type { CountTask } from './count-thread.ts';
import type { Decided } from './deciding.ts';
import { halt } from './engine.ts';
import { unpacked } from './failure.ts';
import type { Helper, PlanAnswer, PlanTask } from './plan-thread.ts';

const program = (name: string): URL => new URL(`./${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** What it reads is garbage at once: V8 would let 50 MB of it lie. */
const YOUNG_MB = 8;

const start = (name: string, workerData: unknown, transferList: Transferable[]): Worker =>
  new Worker(program(name), { workerData, transferList, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });

export type Deciding = {
  /** Resolves when all threads are at work: until then this one must not be kept busy. */
  readonly begun: Promise<void>;
  /** Rejects as `decidePlan` throws. */
  readonly decided: Promise<Decided>;
};

/** `decidePlan` in a thread of its own, and a second one that counts half of the values. */
export function decideBeside(task: PlanTask, onProgress: (line: string) => void): Deciding {
  const { port1: counted, port2 } = new MessageChannel();
  const ended = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const helper: Helper = { counted, ended };
  const deciding = start('plan-thread', { ...task, helper }, [counted]);
  const begun = Promise.withResolvers<void>();
  let counting: Worker | undefined;
  let answer: PlanAnswer | undefined;
  deciding.on('message', (said: PlanAnswer) => {
    if (said.kind === 'progress') onProgress(said.line);
    else if (said.kind === 'count') counting = count({ source: task.source, tasks: said.tasks, answer: port2, ended });
    else answer = said;
    begun.resolve();
  });
  const over = once(deciding, 'exit').finally(() => counting?.terminate()); // rejects with what the thread could not tell
  const decided = over.then(() => {
    if (answer?.kind === 'decided') return answer.decided;
    throw answer?.kind === 'failed' ? unpacked(answer.failure) : halt('the thread that reads the file has ended', 'start attacca again');
  });
  decided.catch(() => begun.resolve());
  return { begun: begun.promise, decided };
}

function count(task: CountTask): Worker {
  const worker = start('count-thread', task, [task.answer]);
  worker.on('error', () => undefined); // the thread that decides then counts these too, and reports it
  worker.on('exit', () => end(task.ended));
  return worker;
}

/** Whatever ended it: the thread that waits for it goes on. */
function end(ended: CountTask['ended']): void {
  Atomics.store(ended, 0, 1);
  Atomics.notify(ended, 0);
}
