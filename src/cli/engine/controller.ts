/* What every part of the engine may ask of the controller that runs it (run/controlling.ts). */
import type { Engine } from './engine.ts';
import type { ReverseTail, Tail } from './tail.ts';

export type CopyReport = { readonly rows: number; readonly seconds: number };

export type Controller = {
  readonly engine: Engine;
  /** Runs until `signal`, or until the migration is finished. `healthy` is called once a pipe runs. */
  run(signal: AbortSignal, healthy: () => void): Promise<void>;
  /** The pipe that runs, or undefined while there is none. */
  tail(): Tail | ReverseTail | undefined;
  /** Resolves with the pipe as soon as one runs; rejects if the controller ends first. */
  tailing(): Promise<Tail | ReverseTail>;
  /** Resolves once everything that was committed before this call is on both sides, whichever pipe brings it. Rejects with what keeps it from that. */
  caughtUp(): Promise<void>;
  /**
   * Runs `work` alone: no other operation meanwhile. Throws Refused while another one runs, unless that makes way: then its `interrupt`
   * is aborted, and waited for. A file that is locked in the middle of it is said so in a sentence.
   */
  alone<T>(what: string, work: () => Promise<T>, interrupt?: AbortController): Promise<T>;
  /** Runs `work`, which stops the pipe when it must; the loop starts no other one before it has ended. */
  whileSwitching<T>(work: () => Promise<T>): Promise<T>;
  /** How the first copy went, if this process made it. */
  copied(): CopyReport | undefined;
};
