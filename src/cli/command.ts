/* What all commands share: their options, and the place where one runs and its errors end. process.env is read here and nowhere else. */
import { type Command, Option } from 'commander';
import { type Config, loadConfig } from './config.ts';
import type { Context } from './main.ts';
import { pause } from './numbers.ts';
import { fail, type Output } from './report.ts';

type Flags = {
  source?: string;
  target?: string;
  plan?: string;
  waive?: string[];
  maxPause?: number;
  config?: string;
  json?: boolean;
  quiet?: boolean;
  verbose?: boolean;
  watch?: boolean;
};

export const source = () => new Option('--source <file>', 'the SQLite file the application writes to').env('ATTACCA_SOURCE');
export const target = (without = 'an embedded PostgreSQL beside the source') =>
  new Option('--target <url>', `postgresql://…; without it ${without}`).env('ATTACCA_TARGET');
export const maxPause = () => new Option('--max-pause <ms>', "how long the application's writes may wait at most").argParser(pause);
export const planFile = () => new Option('--plan <file>', 'the reviewed plan file').env('ATTACCA_PLAN');
export const waive = () => new Option('--waive <finding...>', 'accept a blocking finding: CODE, CODE:TABLE or CODE:TABLE.COLUMN');
export const yes = () => new Option('--yes', 'do not ask');

/** What was read of a command's options: whoever carries it out says what they are. */
export type Given = never;

/** Runs one command and sets the exit code; the only place where errors end. */
export function run<G extends unknown[]>(work: (context: Context, ...given: G) => Promise<number>) {
  return async (...given: unknown[]): Promise<void> => {
    const command = given.at(-1) as Command;
    const flags = command.optsWithGlobals<Flags>();
    const { stdout, stderr } = process;
    const output: Output = { json: flags.json === true, lines: flags.watch === true, quiet: flags.quiet === true, stdout, stderr };
    const debug = process.env.ATTACCA_DEBUG !== undefined;
    const overrides = {
      source: flags.source,
      target: flags.target,
      plan: command.name() === 'plan' ? undefined : flags.plan,
      waive: flags.waive,
      maxPauseMs: flags.maxPause,
    };
    let source = '';
    const config = (): Config => {
      const loaded = loadConfig(overrides, flags.config, process.env);
      source = loaded.source;
      return loaded;
    };
    try {
      process.exitCode = await work({ output, config, debug, env: process.env }, ...(given as G));
    } catch (error) {
      const { explain } = await import('../sqlite/open.ts');
      process.exitCode = fail(output, explain(source, error), debug);
    }
  };
}

/** A command with what all of them take. */
export function subcommand(parent: Command, name: string, summary: string, examples: readonly string[]): Command {
  return parent
    .command(name)
    .summary(summary)
    .description(summary)
    .addOption(new Option('--config <file>', 'read the configuration here instead of attacca.config.json').env('ATTACCA_CONFIG'))
    .option('--json', 'print one JSON document on stdout')
    .option('-q, --quiet', 'no progress on stderr')
    .addHelpText('after', `\nExamples:\n${examples.map(example => `  $ ${example}`).join('\n')}`);
}
