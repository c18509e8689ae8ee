import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { expect, test } from 'vitest';

/** Who may import whom. Read it top to bottom: it is also the order a change travels in. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  change: [],
  plan: ['change'],
  sqlite: ['change', 'plan'],
  postgres: ['change', 'plan'],
  replicate: ['change'],
  verify: ['change', 'plan'],
  outside: [],
  flag: ['change', 'outside'],
  hooks: ['outside'],
  cutover: ['change', 'plan', 'replicate', 'verify', 'flag'],
  server: ['change', 'plan', 'cutover', 'verify', 'replicate'],
  client: ['flag'],
  demo: ['change', 'client', 'flag'],
  cli: ['change', 'plan', 'sqlite', 'postgres', 'replicate', 'verify', 'cutover', 'flag', 'hooks', 'outside', 'server', 'demo'],
};

/**
 * The folders of the larger parts, in an order in which each imports only those before it: it is also the order to read them in. '.' are
 * the files that lie in none; one that is named stands alone.
 */
const ROOMS: Record<string, readonly string[]> = {
  plan: ['codecs', '.', 'in-sql', 'expression', 'column', 'objects', 'ddl', 'file', 'decide.ts', 'existing', 'evolve'],
  sqlite: ['.', 'schema', 'read', 'profile', 'capture', 'mirror', 'file', 'journal'],
  postgres: ['session', 'embedded', 'wal', 'gate', 'installed', 'apply', 'compare', 'existing'],
  server: ['.', 'web'],
  cli: [
    ...['config.ts', 'write.ts', 'engine/tell', 'engine', 'engine/keep', 'engine/decide', 'engine/prove', 'engine/forward', 'engine/copy'],
    ...['engine/mirror', 'engine/switch', 'engine/run', 'engine/rehearse', '.'],
  ],
};

/** One folder for each driver; types for the application's side are its own. */
const SOLE_OWNER: Record<string, readonly string[]> = {
  'better-sqlite3': ['sqlite', 'demo'],
  chokidar: ['sqlite'],
  pg: ['postgres', 'demo'],
  'pg-copy-streams': ['postgres'],
  'pg-logical-replication': ['postgres'],
  'p-queue': ['replicate'],
};

const TOP_LEVEL = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'src',
  'triggers',
  'test',
  'deploy',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'vitest.config.ts',
  'biome.json',
  'node_modules',
  'dist',
];

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.ts'))
  .map(file => join('src', file));
const folderOf = (file: string): string => file.split(sep)[1] ?? '';
const importsOf = (file: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(/^(?:import|export)\b[^'"]*from ['"]([^'"]+)['"]/gm)].map(match => match[1] ?? '');

test.each(files)('%s imports only what its folder may', file => {
  for (const target of importsOf(file)) {
    if (target.startsWith('.')) {
      const folder = folderOf(normalize(join(dirname(file), target)));
      expect([folderOf(file), ...(MAY_IMPORT[folderOf(file)] ?? [])], `${file} -> ${target}`).toContain(folder);
    } else {
      expect(SOLE_OWNER[target] ?? [folderOf(file)], `${file} -> ${target}`).toContain(folderOf(file));
    }
  }
});

/** Where the folder of a file stands among those of its part; -1 for one that is missing there. */
function placeOf(file: string): number {
  const inside = relative(join('src', folderOf(file)), file);
  const rooms = ROOMS[folderOf(file)] ?? [dirname(inside)];
  return rooms.indexOf(rooms.includes(inside) ? inside : dirname(inside));
}

test.each(files)('%s imports only folders that come before its own', file => {
  expect(placeOf(file), `${file} has no place in ROOMS`).toBeGreaterThanOrEqual(0);
  const beside = importsOf(file)
    .filter(target => target.startsWith('.'))
    .map(target => normalize(join(dirname(file), target)));
  const above = beside.filter(target => folderOf(target) === folderOf(file) && placeOf(target) > placeOf(file));
  expect(above).toEqual([]);
});

test.each(files)('%s fits on a few screens', file => {
  expect(readFileSync(file, 'utf8').split('\n').length).toBeLessThanOrEqual(260);
});

// Ended while it loads better-sqlite3, a thread takes the whole process with it: "FATAL ERROR: Error::New napi_get_last_error_info".
test('threads end themselves', () => {
  expect(files.filter(file => readFileSync(file, 'utf8').includes('.terminate('))).toEqual([]);
});

test('nothing stands at the top level that has no place there', () => {
  const unexpected = readdirSync('.').filter(name => !name.startsWith('.') && !TOP_LEVEL.includes(name));
  expect(unexpected).toEqual([]);
});
