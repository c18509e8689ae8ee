import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Decided } from './deciding.ts';
import { halt } from './engine.ts';
import { unpacked } from './failure.ts';
import type { PlanAnswer, PlanTask } from './plan-thread.ts';

const PROGRAM = new URL(import.meta.url.endsWith('.ts') ? './plan-thread.ts' : './plan-thread.js', import.meta.url);

/** What it reads is garbage at once: V8 would let 50 MB of it lie. */
const YOUNG_MB = 8;

/** `decidePlan` in a thread of its own. Rejects as that throws. */
export async function decideBeside(task: PlanTask, onProgress: (line: string) => void): Promise<Decided> {
  const worker = new Worker(PROGRAM, { workerData: task, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
  let answer: PlanAnswer | undefined;
  worker.on('message', (said: PlanAnswer) => {
    if (said.kind === 'progress') onProgress(said.line);
    else answer = said;
  });
  await once(worker, 'exit'); // rejects with what the thread could not tell
  if (answer?.kind === 'decided') return answer.decided;
  throw answer?.kind === 'failed' ? unpacked(answer.failure) : halt('the thread that reads the file has ended', 'start attacca again');
}
