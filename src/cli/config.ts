/*
 * One strict schema for everything that can be set. Flags win over ATTACCA_* variables, those over attacca.config.json;
 * unknown keys are refused, so that a typing error is never a silent default.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { messageOf, UsageError } from '../change/errors.ts';
import { FlagPlaces } from '../flag/places.ts';
import { HooksConfig } from '../hooks/config.ts';
import { fill } from '../outside/secrets.ts';
import { Waived } from '../plan/waive.ts';
import { isLoopback } from '../server/web/loopback.ts';

export const CONFIG_FILE = 'attacca.config.json';

export const Config = z
  .strictObject({
    $schema: z.string().optional().describe('For editors: deploy/attacca.config.schema.json. Nothing reads it.'),
    source: z.string().min(1).describe('The SQLite file the application writes to.'),
    target: z
      .string()
      .regex(/^postgres(ql)?:\/\//, 'must begin with postgresql://')
      .optional()
      .describe('Absent: an embedded PostgreSQL under .attacca/ beside the source.'),
    plan: z.string().min(1).optional().describe('The reviewed plan file; absent: the plan follows from the stored values.'),
    waive: z
      .array(Waived)
      .prefault([])
      .describe('Blocking findings that are accepted, as CODE, CODE:TABLE or CODE:TABLE.COLUMN; the plan file can give reasons.'),
    schema: z
      .string()
      .min(1)
      .regex(/^(?!pg_|information_schema$|attacca$)/, "must not be one of Postgres's own or of attacca's")
      .default('public')
      .describe('The Postgres schema that holds the tables.'),
    flag: FlagPlaces.optional().describe("The application's feature flag; absent: nothing is switched outside the databases."),
    hooks: HooksConfig.prefault({}),
    snapshot: z
      .strictObject({
        parallelChunks: z.int().min(1).max(16).default(2).describe('Chunks copied at the same time.'),
        chunkRows: z
          .int()
          .min(100)
          .max(1_000_000)
          .default(20_000)
          .describe('Rows in a chunk at most; in rollback-journal mode far fewer, so that reads stay short.'),
        rowsPerSecond: z.int().min(1).optional().describe('Copy at most this many rows a second; absent: as fast as it goes.'),
        nice: z.number().min(0).max(100).default(0).describe('Rest this many times as long as it works: 1 is half speed.'),
      })
      .prefault({}),
    quarantine: z
      .strictObject({
        policy: z
          .enum(['quarantine', 'stop', 'suspend'])
          .default('quarantine')
          .describe('What follows when more rows than afterRows do not fit: nothing more, a halt, or that their table is left alone.'),
        afterRows: z.int().min(0).default(0).describe('Rows in quarantine that are borne: in all for stop, of one table for suspend.'),
      })
      .prefault({}),
    verify: z
      .strictObject({
        everySeconds: z
          .int()
          .min(1)
          .max(86_400)
          .default(10)
          .describe('How often the daemon compares the rows that changed since the last time.'),
        fullEveryMinutes: z.number().min(0).default(360).describe('How often the daemon compares every row; 0: only on request.'),
        nice: z.number().min(0).max(100).default(0).describe('A full comparison rests this many times as long as it works.'),
        rowsPerSecond: z.int().min(1).optional().describe('A full comparison reads at most this many rows a second.'),
      })
      .prefault({}),
    journal: z
      .strictObject({
        maxMarks: z
          .int()
          .min(1_000)
          .default(50_000_000)
          .describe('If more marks wait than this, the tables that have most of them are marked whole, and copied anew.'),
      })
      .prefault({}),
    mirror: z
      .strictObject({
        warnSlotMegabytes: z
          .int()
          .min(1)
          .default(1_024)
          .describe('Log and status warn while the slot of the mirror keeps more WAL than this on the disk of Postgres.'),
        maxSlotMegabytes: z.int().min(1).default(10_240).describe('What whenSlotFull says happens when it keeps more than this.'),
        whenSlotFull: z
          .enum(['warn', 'drop'])
          .default('warn')
          .describe('warn: nothing more. drop: the slot goes, so that the disk does not fill; the mirror then needs `attacca resync`.'),
      })
      .prefault({}),
    http: z
      .strictObject({
        enabled: z.boolean().default(true).describe('Whether the daemon serves its page, metrics and health.'),
        host: z.string().min(1).default('127.0.0.1').describe('The address to listen at; beyond this machine it needs a token.'),
        port: z.int().min(0).max(65_535).optional().describe('Absent: 7432, or a free one where that is taken.'),
        token: z
          .string()
          .min(16)
          .regex(/^[\x21-\x7e]+$/, 'must be letters, digits and signs that a header can carry')
          .optional()
          .describe('Needed then to look, too; absent: one for each start, needed to act, which `attacca dashboard` tells.'),
      })
      .prefault({})
      .refine(({ host, token }) => isLoopback(host) || token !== undefined, 'an address beyond this machine needs a token'),
    backup: z
      .strictObject({
        enabled: z.boolean().default(true).describe('Whether the SQLite file is backed up before a cutover and before finish.'),
        keep: z.int().min(1).max(1_000).default(3).describe('How many are kept; older ones go when a new one is whole.'),
        folder: z.string().min(1).optional().describe('Where they are kept; absent: .attacca/backups beside the source.'),
      })
      .prefault({}),
    cutover: z
      .strictObject({
        maxPauseMs: z.int().min(100).max(3_600_000).default(3_000).describe("The application's writes wait at most this long."),
        maxLagMs: z.int().min(0).default(2_000).describe('Refuse to fence while further behind than this.'),
        verifyMaxAgeMinutes: z.int().min(1).default(60).describe('Refuse to switch if the last full verification is older.'),
        maxClockSkewMs: z.int().min(0).default(5_000).describe('Refuse to switch if the clocks here and of Postgres differ by more.'),
        minFreeMegabytes: z.int().min(0).default(256).describe('Refuse to switch if a disk that can be looked at has less room.'),
        roles: z
          .array(z.string().min(1))
          .prefault([])
          .describe("The application's roles in Postgres: refuse a cutover while one of them may not read and write every table."),
      })
      .prefault({}),
  })
  .refine(({ source, flag }) => flag?.kind !== 'file' || flag.path !== source, {
    message: 'the flag cannot be in the SQLite file itself',
    path: ['flag', 'path'],
  });
export type Config = Readonly<z.infer<typeof Config>>;

/** What flags and the environment may say: a value each, laid over the file at these paths. */
export type Overrides = Readonly<{
  source?: string | undefined;
  target?: string | undefined;
  plan?: string | undefined;
  waive?: readonly string[] | undefined;
  maxPauseMs?: number | undefined;
}>;

/**
 * The configuration in force. `file` is what --config named; without it attacca.config.json of the working directory is read
 * if it is there. Paths in the file are relative to it. Throws UsageError that names every problem at once.
 */
export function loadConfig(overrides: Overrides, file: string | undefined, env: NodeJS.ProcessEnv): Config {
  const raw = layer(readConfigFile(file ?? CONFIG_FILE, file !== undefined, env), overrides);
  const parsed = Config.safeParse(raw);
  if (parsed.success) return parsed.data;
  // With other problems beside it, a source that is not there may be one of them: "sorce".
  if (raw.source === undefined && parsed.error.issues.length === 1) {
    throw new UsageError('no SQLite file given', 'name it: --source app.db, ATTACCA_SOURCE, or "source" in attacca.config.json');
  }
  throw new UsageError(`invalid configuration\n${z.prettifyError(parsed.error)}`, `see deploy/configuration.md`);
}

type Raw = Record<string, unknown>;

function layer(raw: Raw, overrides: Overrides): Raw {
  const { maxPauseMs, ...plain } = overrides;
  const given = Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined));
  const { cutover = {} } = raw;
  // What is no object stays as it is, for the schema to refuse.
  const pause = maxPauseMs !== undefined && isObject(cutover) ? { cutover: { ...cutover, maxPauseMs } } : {};
  const merged: Raw = { ...raw, ...given, ...pause };
  return { ...merged, source: absolute(merged.source, '.') };
}

/** An empty path stays empty, for the schema to refuse: resolved it would be the folder. */
const absolute = (value: unknown, base: string): unknown => (typeof value === 'string' && value !== '' ? resolve(base, value) : value);

function readConfigFile(path: string, required: boolean, env: NodeJS.ProcessEnv): Raw {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (cause) {
    if (!required && cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return {};
    throw new UsageError(`the configuration file ${path} cannot be read`, 'check the path given to --config and its permissions');
  }
  const raw = parse(path, text);
  const base = dirname(resolve(path));
  const flag = isObject(raw.flag) ? { flag: flagIn(raw.flag, base) } : {};
  const paths = Object.fromEntries(['source', 'plan'].filter(key => key in raw).map(key => [key, absolute(raw[key], base)]));
  const backup =
    isObject(raw.backup) && 'folder' in raw.backup ? { backup: { ...raw.backup, folder: absolute(raw.backup.folder, base) } } : {};
  const target = typeof raw.target === 'string' ? { target: expand(raw.target, path, env) } : {};
  const http =
    isObject(raw.http) && typeof raw.http.token === 'string' ? { http: { ...raw.http, token: expand(raw.http.token, path, env) } } : {};
  return { ...raw, ...paths, ...flag, ...backup, ...target, ...http };
}

/** A flag is in a file unless it says otherwise. */
const flagIn = (flag: Raw, base: string): Raw => ({
  kind: 'file',
  ...flag,
  ...('path' in flag ? { path: absolute(flag.path, base) } : {}),
});

function parse(path: string, text: string): Raw {
  try {
    const raw: unknown = JSON.parse(text);
    if (isObject(raw)) return raw;
  } catch {
    // Not JSON at all: the same sentence says it.
  }
  throw new UsageError(`${path} is not a JSON object`, 'check its commas and quotes; deploy/configuration.md has an example');
}

/** What secrets.ts puts in for `${NAME}` and `${file:/path}`, so that no secret need be in the file. */
function expand(text: string, path: string, env: NodeJS.ProcessEnv): string {
  try {
    return fill(text, {}, env);
  } catch (error) {
    const missing = messageOf(error);
    throw new UsageError(`${path}: ${missing}`, 'set the variable, give access to the file, or write the value');
  }
}

const isObject = (value: unknown): value is Raw => typeof value === 'object' && value !== null && !Array.isArray(value);
