/*
 * One instance of the bank's application, in a process of its own: `node instance.ts '{"kind":"obedient",…}'`.
 *
 * (1) obedient: attacca/client. reader: the same, and it only asks. slow: has the flag in a cache, so it knocks at a closed door for
 *     a while. sqlite, postgres: never heard of the flag, and write to the one database that they know.
 * (2) Each counts what it was acknowledged, and nothing else: the parent compares that with the databases.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { broken, RULES_SQL, transact } from '../support/bank.ts';
import { numbersFrom } from '../support/random.ts';
import { type Direct, directPostgres, directSqlite, isRefusal } from './direct.ts';
import { type Gap, obedient, type Run } from './obedient.ts';
import { slow } from './slow.ts';

export type Kind = 'obedient' | 'reader' | 'slow' | 'sqlite' | 'postgres';

export type InstanceOptions = {
  readonly kind: Kind;
  readonly writer: number;
  readonly source: string;
  readonly url: string;
  readonly flag: string;
  readonly seed: number;
  /** Pauses between transactions: up to twice as long, at random. 0: none. */
  readonly everyMs: number;
  readonly items: number;
};

/** What it has to say when it pauses. `gaps`: since the last pause. */
export type Account = {
  readonly acknowledged: number;
  readonly refused: number;
  readonly gaps: readonly Gap[];
  readonly violations: readonly string[];
};

/** What it tells its parent. */
export type Message = { readonly event: 'ready' | 'crossed' | 'refused' } | { readonly event: 'account'; readonly account: Account };

const options = JSON.parse(process.argv[2] ?? '') as InstanceOptions;
const { kind, writer, everyMs, items } = options;
const numbers = numbersFrom(options.seed * 1_000 + writer);
const pick = (below: number): number => numbers() % below;
const account = { acknowledged: 0, refused: 0, gaps: [] as Gap[], violations: [] as string[] };

let paused: (() => void) | undefined;
let resume: () => void = () => undefined;
process.on('message', message => {
  if (message !== 'pause') return resume();
  paused = () => {
    process.send?.({ event: 'account', account });
    account.gaps = [];
  };
});
process.on('disconnect', () => process.exit(0));

/** The bank's transaction, and one item that becomes dearer by one: so the sum of the prices counts the transactions. */
const work =
  (n: number): ((tx: Parameters<typeof transact>[0] & { readonly side: string }) => Promise<void>) =>
  async tx => {
    await transact(tx, { writer, n, pick, sqlite: tx.side === 'sqlite' });
    await tx.run('update item set price = price + 1 where id = ?', BigInt(1 + pick(items)));
    if (n % 20 === 0) await delay(2); // in flight for a while, with everything it has locked
  };

async function ask(run: Run): Promise<void> {
  const row = await run.read(tx => tx.get(`select ${RULES_SQL}`));
  account.violations.push(...broken(row ?? {}));
  account.acknowledged++;
}

async function direct(side: Direct): Promise<void> {
  try {
    await side.transaction(work(account.acknowledged + 1));
    account.acknowledged++;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    account.refused++;
    process.send?.({ event: 'refused' });
  }
}

async function open(): Promise<{ readonly once: () => Promise<void>; readonly paused?: () => void }> {
  if (kind === 'obedient' || kind === 'reader') {
    const run = await obedient(options, gap => {
      account.gaps.push(gap);
      process.send?.({ event: 'crossed' });
    });
    if (kind === 'reader') return { once: () => ask(run) };
    return {
      paused: run.paused,
      async once() {
        await run.write(work(account.acknowledged + 1));
        account.acknowledged++;
      },
    };
  }
  const side = kind === 'sqlite' ? directSqlite(options.source) : kind === 'postgres' ? directPostgres(options.url) : slow(options);
  return { once: () => direct(side) };
}

const instance = await open();
await instance.once();
process.send?.({ event: 'ready' });
for (;;) {
  if (paused !== undefined) {
    const resumed = new Promise<void>(resolve => {
      resume = resolve;
    });
    instance.paused?.();
    paused();
    paused = undefined;
    await resumed;
  }
  await delay(everyMs * 2 * (numbers() / 2 ** 32));
  await instance.once();
}
