/* A flag that a program sets, and another one (or the same with other words) reads back. */
import { z } from 'zod';
import { run } from '../outside/run.ts';
import { DISTINCT, distinct, values } from './config.ts';
import type { FlagState, Side } from './flag.ts';
import { place, timeoutMs } from './place.ts';
import { verifiedFlag } from './verified.ts';

const Argv = z.array(z.string()).min(1);

const CommandFlag = z
  .strictObject({
    kind: z.literal('command'),
    ...values,
    write: Argv.describe('Program and arguments that set the flag; the facts are JSON on its stdin and ATTACCA_* variables.'),
    read: Argv.describe('Program and arguments that print the value, and behind it the epoch if it is kept there.'),
    timeoutMs,
    rewrite: z.boolean().default(false).describe('The gate runs `write` with the present state, to prove that it may.'),
  })
  .refine(distinct, DISTINCT);

export const commandPlace = place(CommandFlag, (config, context) =>
  verifiedFlag(
    {
      name: `by ${config.write[0]}`,
      async read() {
        const printed = await run({ argv: config.read, input: '', env: context.env, timeoutMs: config.timeoutMs, capture: true });
        const [value, epoch] = printed.trim().split(/\s+/);
        return { value, epoch };
      },
      async write(state) {
        const { input, env } = factsFor(config, state);
        await run({ argv: config.write, input, env: { ...context.env, ...env }, timeoutMs: config.timeoutMs, capture: false });
      },
      meaning: config,
      settleMs: config.timeoutMs,
      rewrite: config.rewrite,
    },
    context,
  ),
);

function factsFor(config: Readonly<Record<Side, string>>, { primary, epoch }: FlagState) {
  const value = config[primary];
  return {
    input: `${JSON.stringify({ value, primary, epoch: String(epoch) })}\n`,
    env: { ATTACCA_VALUE: value, ATTACCA_PRIMARY: primary, ATTACCA_EPOCH: String(epoch) },
  };
}
