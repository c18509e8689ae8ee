/*
 * npm run test:hostile -- [--model N] [--postgres N] [--mutants] [--seed N] [--workers N]
 *
 * Plays histories by the thousand in worker processes, a batch at a time. A batch is named by its seed: the same seed plays the
 * same histories again. Ends at the first that fails, with exit code 1.
 */
import { fork } from 'node:child_process';
import { testPostgres } from '../support/postgres.ts';
import { whole, words } from '../support/words.ts';
import { type Found, hunt } from './hunt.ts';
import { CLAUSES, KINDS } from './mutants.ts';
import { inMemory, inPostgres, type MakeTarget } from './target.ts';

const { values } = words({
  options: {
    model: { type: 'string' },
    postgres: { type: 'string' },
    mutants: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 30)) },
    workers: { type: 'string', default: '2' },
  },
});
const seed = whole('--seed', values.seed);
const workers = whole('--workers', values.workers);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** `mutant`: the place of one in MUTANTS. */
type Job = { readonly against: 'model' | 'postgres'; readonly seed: number; readonly runs: number; readonly mutant?: number };
type Done = { readonly job: Job; readonly found: Found };

const MUTANTS = [...KINDS, ...CLAUSES];
const BATCH = { model: 100, postgres: 25 };
const TELL_MS = 10_000;

/** Plays `total` histories; false when one failed. */
async function play(against: Job['against'], total: number): Promise<boolean> {
  const size = BATCH[against];
  const jobs = Array.from({ length: Math.ceil(total / size) }, (_, index): Job => {
    return { against, seed: seed + index, runs: Math.min(size, total - index * size) };
  });
  say(`${total} histories against ${against === 'model' ? 'a model of the target' : 'Postgres'}, seed ${seed}`);
  const started = performance.now();
  const sum = { played: 0, statements: 0, syncs: 0, skipped: {} as Record<string, number>, parted: {} as Record<string, number> };
  let [told, failure] = [0, undefined as string | undefined];
  const tell = (): void => {
    const seconds = (performance.now() - started) / 1000;
    const left = Object.entries(sum.skipped).map(([why, n]) => `${why} ${n}`);
    const rate = (sum.played / seconds).toFixed(0);
    say(
      `${sum.played} histories, ${sum.statements} statements, ${sum.syncs} syncs, ${seconds.toFixed(0)} s, ${rate}/s; skipped: ${left.join(', ') || 'none'}`,
    );
  };
  const add = ({ job, found }: Done): void => {
    for (const field of ['played', 'statements', 'syncs'] as const) sum[field] += found[field];
    for (const list of ['skipped', 'parted'] as const)
      for (const [why, n] of Object.entries(found[list])) sum[list][why] = (sum[list][why] ?? 0) + n;
    if (found.failure !== undefined)
      failure ??= `${found.failure}\nagain: npm run test:hostile -- --${against} ${job.runs} --seed ${job.seed}`;
    if (performance.now() - told < TELL_MS) return;
    told = performance.now();
    tell();
  };
  await employ(() => (failure === undefined ? jobs.shift() : undefined), add);
  tell();
  for (const [how, n] of Object.entries(sum.parted).toSorted(([, a], [, b]) => b - a))
    say(`${n} histories in which SQLite itself, with any trigger at all, does something else: ${how}`);
  say(failure ?? 'no difference');
  return failure === undefined;
}

/** Worker processes, each of which gets a job after the other while there are any. */
async function employ(next: () => Job | undefined, done: (done: Done) => void): Promise<void> {
  await Promise.all(Array.from({ length: workers }, () => employOne(next, done)));
}

function employOne(next: () => Job | undefined, done: (done: Done) => void): Promise<void> {
  const worker = fork(new URL(import.meta.url), ['--seed', '0'], { env: { ...process.env, ATTACCA_HOSTILE: 'worker' } });
  return new Promise((resolve, reject) => {
    const give = (): void => {
      const job = next();
      if (job === undefined) worker.disconnect();
      else worker.send(job);
    };
    worker.on('message', (message: Done) => {
      done(message);
      give();
    });
    worker.on('exit', code => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
    give();
  });
}

async function work(): Promise<void> {
  let postgres: MakeTarget | undefined;
  const targetFor = async (job: Job): Promise<MakeTarget> => {
    if (job.against === 'model') return inMemory;
    postgres ??= inPostgres((await testPostgres()).url);
    return postgres;
  };
  process.on('message', (job: Job) => {
    void targetFor(job)
      .then(target => hunt({ seed: job.seed, runs: job.runs, target, ...mutation(job) }))
      .then(found => process.send?.({ job, found }));
  });
  process.on('disconnect', () => process.exit(0));
}

const mutation = ({ mutant }: Job) => (mutant === undefined ? {} : { mutant: MUTANTS[mutant]!, shrink: false });

const MOST = 5_000;

/** How soon each thing that is left out is noticed; false when one is not. */
async function mutants(): Promise<boolean> {
  let noticed = true;
  const jobs = MUTANTS.map((_, mutant): Job => ({ against: 'model', seed, runs: MOST, mutant }));
  const add = ({ job, found: { failure, mutated, played } }: Done): void => {
    noticed &&= failure !== undefined;
    const missed = mutated === 0 ? 'DEAD: it makes no trigger another one' : 'NOT noticed';
    say(
      `without ${MUTANTS[job.mutant!]!.without}: ${failure === undefined ? missed : 'noticed'} in ${played} histories, ${mutated} of them with other triggers`,
    );
  };
  await employ(() => jobs.shift(), add);
  return noticed;
}

async function main(): Promise<boolean> {
  if (values.mutants) return await mutants();
  const all = values.model === undefined && values.postgres === undefined;
  const [model, postgres] = [
    whole('--model', values.model ?? (all ? '100000' : '0')),
    whole('--postgres', values.postgres ?? (all ? '2000' : '0')),
  ];
  return (model === 0 || (await play('model', model))) && (postgres === 0 || (await play('postgres', postgres)));
}

if (process.env.ATTACCA_HOSTILE === 'worker') await work();
else process.exitCode = (await main()) ? 0 : 1;
