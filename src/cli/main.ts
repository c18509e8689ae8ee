/*
 * The command tree. Wires; decides nothing. A command's module is loaded when it runs:
 * help and a wrong word are answered at once.
 */
import { Command, CommanderError, Option } from 'commander';
import { UsageError } from '../change/errors.ts';
import { redact } from '../change/redact.ts';
import { VERSION } from '../change/version.ts';
import { type Given, maxPause, planFile, run, source, subcommand, target, waive, yes } from './command.ts';
import type { Config } from './config.ts';
import { chunk, positive, rate, ratio } from './numbers.ts';
import { EXIT, fail, type Output, unheard } from './report.ts';

/** What every command is given: where to speak, and the configuration, read when it is asked for. */
export type Context = { readonly output: Output; readonly config: () => Config; readonly debug: boolean; readonly env: NodeJS.ProcessEnv };

/** The whole command tree, for the binary and for the tests that walk it. */
export function program(): Command {
  const root = new Command('attacca')
    .description('Moves a live application from SQLite to PostgreSQL without a pause, and back again if it must.')
    .version(VERSION)
    .enablePositionalOptions()
    // What commander would say is said by `fail`: the same form for every failure, and a document with --json.
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .addHelpText('after', '\nsource <(attacca complete bash) lets the shell complete words (also zsh, fish, powershell).')
    .addHelpText('after', '\nExit codes: 0 done · 1 failed · 2 bad usage or configuration · 3 refused, with reasons · 4 the sides differ');

  subcommand(root, 'assess', 'read-only report: what becomes what, and what needs a decision', [
    'attacca assess --source app.db',
    'attacca assess --source app.db --target postgresql://app@db.internal/app --json',
    'attacca assess --source app.db --html report.html',
  ])
    .addOption(source())
    .addOption(target('only the file is looked at'))
    .addOption(planFile())
    .addOption(waive())
    .option('--html <file>', 'also write the report as one self-contained page')
    .action(run(async (context, options: Given) => (await import('./assess.ts')).assess(context, options)));

  subcommand(root, 'plan', 'write the plan: every table and column, its Postgres type, and why', [
    'attacca plan --source app.db --out attacca.plan.yaml',
    'attacca plan --source app.db --sql | psql',
  ])
    .addOption(source())
    .option('--plan <file>', 'start from this reviewed plan file (default: the configured one, if it is there)')
    .addOption(waive())
    .option('--out <file>', 'write the plan file here (default: stdout)')
    .option('--sql', 'print the Postgres DDL instead')
    .addOption(
      new Option('--widen', 'widen columns of the plan in force whose values do not fit, and copy their tables anew').conflicts([
        'plan',
        'out',
        'sql',
      ]),
    )
    .option('--table <name...>', 'with --widen: only these tables; otherwise those with rows in quarantine')
    .addOption(target())
    .action(run(async (context, options: Given) => (await import('./plan.ts')).plan(context, options)));

  subcommand(root, 'rehearse', 'the whole night in advance on a copy: copy, verify, cut over, roll back', [
    'attacca rehearse --source app.db',
    'attacca rehearse --source app.db --plan attacca.plan.yaml --json',
    'attacca rehearse --source app.db --target postgresql://app@db.internal/rehearsal',
  ])
    .addOption(source())
    .option('--target <url>', 'an empty database to rehearse in; without it a PostgreSQL of its own')
    .addOption(planFile())
    .addOption(waive())
    .action(run(async (context, options: Given) => (await import('./rehearse.ts')).rehearse(context, options)));

  subcommand(root, 'sync', 'the daemon: install capture, copy, then follow every change', [
    'attacca sync --source app.db',
    'attacca sync --source app.db --target postgresql://app@db.internal/app --plan attacca.plan.yaml',
    'attacca sync --source app.db --once',
  ])
    .addOption(source())
    .addOption(target())
    .addOption(planFile())
    .addOption(waive())
    .option('--once', 'stop when caught up')
    .option('-v, --verbose', 'log more')
    .action(run(async (context, options: Given) => (await import('./sync.ts')).sync(context, options)));

  subcommand(root, 'status', 'phase, lag, tables, verification, quarantine, and who is primary', [
    'attacca status --source app.db',
    'attacca status --source app.db --watch',
  ])
    .addOption(source())
    .addOption(target())
    .option('--watch', 'print again every second')
    .action(run(async (context, options: Given) => (await import('./status.ts')).status(context, options)));

  subcommand(root, 'dashboard', "the address of the daemon's page, with the token that lets its buttons act", [
    'attacca dashboard --source app.db',
  ])
    .addOption(source())
    .action(run(async context => (await import('./dashboard.ts')).dashboard(context)));

  subcommand(root, 'audit', 'the whole log: who did what, when, with which positions and digests', [
    'attacca audit --source app.db',
    'attacca audit --source app.db --csv > audit.csv',
  ])
    .addOption(source())
    .addOption(target())
    .addOption(new Option('--csv', 'print CSV').conflicts('json'))
    .action(run(async (context, options: Given) => (await import('./audit.ts')).audit(context, options)));

  subcommand(root, 'verify', 'compare every column of every row on both sides, exactly, while writes go on', [
    'attacca verify --source app.db',
    'attacca verify --source app.db --table orders customers',
    'attacca verify --source app.db --repair',
    'attacca verify --source app.db --html proof.html',
  ])
    .addOption(source())
    .addOption(target())
    .option('--table <name...>', 'only these tables')
    .option('--repair', 'copy again what differs, then verify it')
    .addOption(new Option('--resume', 'go on with a full comparison that was interrupted').conflicts(['table', 'repair']))
    .option('--nice <ratio>', 'rest this many times as long as it works: 1 is half speed', ratio)
    .option('--rows-per-second <n>', 'read at most this many rows a second', positive)
    .option('--html <file>', 'also write the report as one self-contained page')
    .action(run(async (context, options: Given) => (await import('./verify.ts')).verify(context, options)));

  for (const [name, summary] of [
    ['cutover', 'make PostgreSQL primary: fence SQLite, drain, verify, switch the flag'],
    ['rollback', 'make SQLite primary again, with everything PostgreSQL acknowledged'],
  ] as const) {
    const command = subcommand(root, name, summary, [`attacca ${name} --source app.db --dry-run`, `attacca ${name} --source app.db --yes`])
      .addOption(source())
      .addOption(target())
      .option('--dry-run', 'only say whether it could be done, and what stands in the way')
      .addOption(maxPause())
      .addOption(yes())
      .action(run(async (context, options: Given) => (await import('./changeover.ts')).changeover(context, name, options)));
    if (name === 'cutover')
      command
        .addOption(new Option('--at <time>', 'let the daemon do it then: 2026-11-29T03:00:00+01:00').conflicts(['dryRun', 'cancel']))
        .addOption(
          new Option('--on-approval', 'let the daemon do it once somebody has run `attacca approve`').conflicts(['dryRun', 'cancel']),
        )
        .addOption(new Option('--cancel', 'call the scheduled cutover off').conflicts(['dryRun', 'maxPause']));
    if (name === 'rollback')
      command.addOption(
        new Option('--accept-loss', 'without PostgreSQL, which cannot be reached: what SQLite has not seen yet is lost').conflicts(
          'maxPause',
        ),
      );
  }

  subcommand(root, 'approve', 'let the cutover begin that was asked for with `cutover --on-approval`', [
    'attacca approve --source app.db',
    'attacca approve --source app.db --yes',
  ])
    .addOption(source())
    .addOption(yes())
    .action(run(async (context, options: Given) => (await import('./approve.ts')).approve(context, options)));

  subcommand(root, 'quarantine', 'rows that do not fit the target: list them, try them again, or give them up', [
    'attacca quarantine list --source app.db',
    'attacca quarantine retry --source app.db',
    'attacca quarantine drop 17 --source app.db --yes',
  ])
    .argument('<action>', 'list, retry or drop')
    .argument('[id...]', 'for retry and drop: ids from the list; without them all')
    .addOption(source())
    .addOption(target())
    .addOption(yes())
    .action(
      run(async (context, action: string, ids: string[], options: Given) =>
        (await import('./quarantine.ts')).quarantine(context, action, ids, options),
      ),
    );

  subcommand(root, 'resync', 'copy tables again, or everything after the SQLite file was restored or replaced', [
    'attacca resync --source app.db --table orders customers --yes',
    'attacca resync --source app.db --yes',
  ])
    .addOption(source())
    .addOption(target())
    .option('--table <name...>', 'only these tables; without it all, with the file as the truth')
    .addOption(yes())
    .action(run(async (context, options: Given) => (await import('./resync.ts')).resync(context, options)));

  subcommand(root, 'throttle', 'how fast the first copy goes; also while it runs', [
    'attacca throttle --source app.db --rows-per-second 20000',
    'attacca throttle --source app.db --rows-per-second off --nice 1 --chunk-rows 2000',
    'attacca throttle --source app.db --pause',
  ])
    .addOption(source())
    .option('--rows-per-second <n>', 'at most this many rows a second; off: as fast as it goes', rate)
    .option('--nice <ratio>', 'rest this many times as long as it works: 1 is half speed', ratio)
    .option('--chunk-rows <n>', 'read at most this many rows at a time; 100 or more', chunk)
    .addOption(new Option('--pause', 'take no further chunk; the application and the journal go on').conflicts('resume'))
    .option('--resume', 'go on with the copy')
    .action(run(async (context, options: Given) => (await import('./throttle.ts')).throttle(context, options)));

  subcommand(root, 'finish', 'end of the soak: PostgreSQL stays primary, everything of attacca goes but the SQLite fence', [
    'attacca finish --source app.db --yes',
  ])
    .addOption(source())
    .addOption(target())
    .option('--audit <file>', 'first write the whole log here, as JSON or .csv')
    .addOption(yes())
    .action(run(async (context, options: Given) => (await import('./finish.ts')).finish(context, options)));

  subcommand(root, 'uninstall', 'give up while SQLite is primary: remove everything from both databases', [
    'attacca uninstall --source app.db --yes',
    'attacca uninstall --source app.db --yes --keep-target',
  ])
    .addOption(source())
    .addOption(target())
    .option('--keep-target', 'leave the copied tables in Postgres')
    .option('--audit <file>', 'first write the whole log here, as JSON or .csv')
    .addOption(yes())
    .action(run(async (context, options: Given) => (await import('./uninstall.ts')).uninstall(context, options)));

  subcommand(root, 'demo', 'the whole story on an embedded PostgreSQL, with a live writing application', [
    'attacca demo',
    'attacca demo --json',
  ]).action(run(async context => (await import('./demo.ts')).demo(context)));

  return root;
}

/** Runs the command line. */
export async function main(argv: readonly string[]): Promise<void> {
  unheard(process);
  const root = program();
  if (argv.includes('complete')) (await import('@bomb.sh/tab/commander')).default(root); // every other start is spared it
  try {
    await root.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = misread(error, argv.includes('--json'));
  }
}

/** Help and version end here too: they are no failures, unless help was all there was to say. */
function misread(error: CommanderError, json: boolean): number {
  if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return EXIT.done;
  if (error.code === 'commander.help') return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  const output: Output = { json, quiet: false, stdout: process.stdout, stderr: process.stderr };
  // Whatever was typed in the wrong place is repeated, and that can be a URL.
  const said = redact(error.message.replace(/^error: /, '').replaceAll('\n', ' '));
  const hint = 'run with --help for the options and examples';
  const forgotten = error.code === 'commander.excessArguments' ? 'the SQLite file is named with --source; ' : '';
  return fail(output, new UsageError(said, `${forgotten}${hint}`), false);
}
