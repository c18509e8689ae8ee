import { once } from 'node:events';
import { MessageChannel, type Transferable, Worker } from 'node:worker_threads';
import { halt } from '../engine.ts';
import { type Failure, unpacked } from '../failure.ts';
import type { Far } from '../tell/reckoning.ts';
import type { CheckTask } from './check-thread.ts';
import type { CountTask } from './count-thread.ts';
import type { Decided } from './deciding.ts';
import type { Flag, Helper, PlanAnswer, PlanTask } from './plan-thread.ts';

const program = (name: string): URL => new URL(`./${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** What it reads is garbage at once: V8 would let 50 MB of it lie. */
const YOUNG_MB = 8;

const start = (name: string, workerData: unknown, transferList: Transferable[] = []): Worker =>
  new Worker(program(name), { workerData, transferList, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });

const flag = (): Flag => new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** `decidePlan` in a thread of its own, and a second one that counts half of the values. Rejects as that throws, and when `signal` aborts. */
export async function decideBeside(task: PlanTask, onProgress: (far: Far) => void, signal: AbortSignal): Promise<Decided> {
  signal.throwIfAborted();
  const { port1: counted, port2 } = new MessageChannel();
  const ended = flag();
  const unwanted = flag();
  const giveUp = (): void => void Atomics.store(unwanted, 0, 1);
  signal.addEventListener('abort', giveUp, { once: true });
  const helper: Helper = { counted, ended, unwanted };
  const deciding = start('plan-thread', { ...task, helper }, [counted]);
  let answer: PlanAnswer | undefined;
  deciding.on('message', (said: PlanAnswer) => {
    if (said.kind === 'progress') onProgress(said.far);
    else if (said.kind === 'count') count({ source: task.source, tasks: said.tasks, answer: port2, unwanted }, ended);
    else answer = said;
  });
  await once(deciding, 'exit').finally(giveUp); // rejects with what the thread could not tell
  signal.throwIfAborted();
  if (answer?.kind === 'decided') return answer.decided;
  throw answer?.kind === 'failed' ? unpacked(answer.failure) : halt('the thread that reads the file has ended', 'start attacca again');
}

/** `refuseDamaged` in a thread of its own. Rejects as that throws. */
export async function checkBeside(task: CheckTask): Promise<void> {
  const checking = start('check-thread', task);
  let failure: Failure | undefined;
  checking.on('message', (said: Failure) => {
    failure = said;
  });
  await once(checking, 'exit');
  if (failure !== undefined) throw unpacked(failure);
}

function count(task: CountTask, ended: Flag): void {
  const worker = start('count-thread', task, [task.answer]);
  worker.on('error', () => undefined); // the thread that decides then counts these too, and reports it
  worker.on('exit', () => {
    Atomics.store(ended, 0, 1);
    Atomics.notify(ended, 0);
  });
}
