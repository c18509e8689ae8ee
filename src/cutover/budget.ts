import { Refused } from '../change/errors.ts';

/**
 * The time during which the application's writes may wait. When it runs out, `expire` gives the lock back at once, whatever
 * is still under way; the switch then finds out at its next step and aborts.
 */
export class Budget implements Disposable {
  readonly #deadline: number;
  readonly #cancel = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #totalMs: number;

  constructor(totalMs: number, expire: () => void) {
    this.#totalMs = totalMs;
    this.#deadline = performance.now() + totalMs;
    this.#timer = setTimeout(() => {
      this.#cancel.abort(this.#exhausted());
      expire();
    }, totalMs);
  }

  get signal(): AbortSignal {
    return this.#cancel.signal;
  }

  /** Milliseconds left; throws Refused when there are none. */
  remaining(): number {
    this.#cancel.signal.throwIfAborted();
    const left = this.#deadline - performance.now();
    if (left <= 0) throw this.#exhausted();
    return left;
  }

  /** What `work` resolves with. Throws Refused where the time is over when it ends, however it ends: the lock was given back under it. */
  async within<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } finally {
      this.remaining();
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #exhausted(): Refused {
    return new Refused(`aborted: the pause budget of ${this.#totalMs} ms ran out; the application goes on where it was`, [
      {
        code: 'pause-budget',
        reason: `the switch did not finish within ${this.#totalMs} ms`,
        remedy: 'try again when there are fewer changes or long transactions, or raise --max-pause',
      },
    ]);
  }
}
