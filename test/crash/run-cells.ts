/*
 * `npm run test:cells [-- wal|delete] [loss …] [part of a step's name …]`: the whole table of crash points, every step of both
 * procedures times everything that can be lost there. The tests take a sample of it (cells.test.ts).
 */
import { canTrace } from '../support/disk.ts';
import { numbersFrom } from '../support/random.ts';
import { misunderstood } from '../support/words.ts';
import { isCell, LOSSES, type Loss, type Mode, openBench, type Procedure, STEPS } from './cells.ts';

const given = process.argv.slice(2);
const modes = (['wal', 'delete'] as const).filter(mode => !given.some(word => word === 'wal' || word === 'delete') || given.includes(mode));
const asked = LOSSES.filter(loss => given.includes(loss));
const losses = (asked.length === 0 ? LOSSES : asked).filter(loss => loss !== 'power' || canTrace());
const parts = given.filter(word => word !== 'wal' && word !== 'delete' && !LOSSES.some(loss => loss === word));
const unknown = parts.find(
  part =>
    !Object.values(STEPS)
      .flat()
      .some(step => step.includes(part)),
);
if (unknown !== undefined) misunderstood(`no step has ${unknown} in its name`);
const seed = Math.floor(Math.random() * 1_000_000);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
if (!canTrace()) say('strace cannot look at processes here: no power failures');
say(`seed ${seed}`);

const failed: string[] = [];
let done = 0;
for (const mode of modes) for (const loss of losses) await all(mode, loss);
say(`${done} cells, ${failed.length} failed`);
if (failed.length > 0) throw new Error(failed.join('\n\n'));

function isWanted(step: string): boolean {
  return parts.length === 0 || parts.some(part => step.includes(part));
}

/** Cutover and rollback in turns, so that each begins where the other ended. After a failure everything is begun anew. */
async function all(mode: Mode, loss: Loss): Promise<void> {
  const numbers = numbersFrom(seed);
  // In half of the cells nothing survives that was not synced, in the others this or that.
  let strict = true;
  const survives = (): boolean => !strict && numbers() % 2 === 0;
  let bench = await openBench(mode, survives);
  for (let n = 0; n < Math.max(STEPS.cutover.length, STEPS.rollback.length); n++) {
    for (const procedure of ['cutover', 'mirroring', 'rollback'] satisfies Procedure[]) {
      const step = STEPS[procedure][n];
      if (step === undefined || !isCell({ procedure, step, loss }) || !isWanted(step)) continue;
      strict = n % 2 === 0;
      const name = `${mode}, ${loss} lost at ${step} of a ${procedure}`;
      const began = performance.now();
      const refusedBefore = bench.refusals.length;
      try {
        say(`${name}: ${await bench.suffer({ procedure, step, loss })}, ${Math.round(performance.now() - began)} ms`);
      } catch (error) {
        say(`${name}: FAILED ${error instanceof Error ? error.message : String(error)}`);
        failed.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
        await bench[Symbol.asyncDispose]();
        bench = await openBench(mode, survives);
      }
      for (const refusal of bench.refusals.slice(refusedBefore)) say(`REFUSED ${refusal}`);
      done++;
    }
  }
  await bench[Symbol.asyncDispose]();
}
