/* One file, one server, writers that never rest, and a daemon that is killed again and again: both sides are judged after each kill. */
import { setTimeout as delay } from 'node:timers/promises';
import { buildBank, judge } from '../support/bank.ts';
import { startTellers, type Tellers } from '../support/tellers.ts';
import { type Daemon, openWorld, type World } from '../support/world.ts';

const WRITERS = 3;
const EVERY_MS = 12;
const LIMIT_MS = 180_000;

export type Town = AsyncDisposable & {
  readonly world: World;
  readonly tellers: Tellers;
  /** Starts the daemon; `spec` as in ATTACCA_DIE_AT. */
  start(spec?: string): Daemon;
  /** Waits for the end of the daemon, and kills it after `limitMs` at the latest; says where it died. */
  death(daemon: Daemon, limitMs: number): Promise<string>;
  /** Runs a command; throws unless it succeeds. */
  ran(...words: string[]): Promise<void>;
  /** Waits until the phase is one of these, and says which. */
  arrived(...phases: string[]): Promise<string>;
  /** Compares, switches, and waits for the new phase. */
  switch(direction: 'cutover' | 'rollback'): Promise<void>;
  /** The writers rest, both sides become equal and everything acknowledged is there once; then they go on. Throws otherwise. */
  settled(): Promise<void>;
};

export async function openTown(): Promise<Town> {
  const world = await openWorld(buildBank(WRITERS, 2_000), { snapshot: { parallelChunks: 2, chunkRows: 200 } }, { limitMs: LIMIT_MS });
  const tellers = await startTellers(WRITERS, { source: world.source, url: world.pg.url, flag: world.flag, everyMs: EVERY_MS });
  let last: Daemon | undefined;
  const ran = async (...words: string[]): Promise<void> => {
    const { code, stdout, stderr } = await world.run(...words);
    if (code !== 0) throw new Error(`attacca ${words.join(' ')}: exit code ${code}\n${stdout}${stderr}${last?.log()}`);
  };
  const arrived = async (...phases: string[]): Promise<string> => (await world.until(({ phase }) => phases.includes(phase))).phase;
  return {
    ran,
    arrived,
    async switch(direction) {
      await ran('verify');
      await ran(direction, '--yes');
      await arrived(direction === 'cutover' ? 'mirroring' : 'shadowing');
    },
    world,
    tellers,
    start(spec) {
      last = world.start(spec);
      return last;
    },
    async death(daemon, limitMs) {
      const timer = setTimeout(() => daemon.process.kill('SIGKILL'), limitMs);
      await daemon.exited;
      clearTimeout(timer);
      if (daemon.process.signalCode !== 'SIGKILL')
        throw new Error(`the daemon ended by itself, with exit code ${daemon.process.exitCode}\n${daemon.log()}`);
      return /^died at (\S+)$/m.exec(daemon.log())?.[1] ?? 'a random moment';
    },
    async settled() {
      const acknowledged = await tellers.pause();
      let found: string[] = ['nothing was compared'];
      for (const deadline = performance.now() + LIMIT_MS; found.length > 0 && performance.now() < deadline; await delay(20)) {
        found = await judge(world.app, world.pg, acknowledged).catch(error => [String(error)]);
      }
      if (found.length > 0) throw new Error(`the sides differ:\n${found.join('\n')}\n${last?.log()}`);
      tellers.resume();
    },
    async [Symbol.asyncDispose]() {
      await tellers[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}
