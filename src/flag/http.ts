/* A flag behind an HTTP API: one request sets it, another one reads it back. */
import { z } from 'zod';
import { RequestConfig, send } from '../outside/request.ts';
import { DISTINCT, distinct, values } from './config.ts';
import type { FlagContext, FlagState } from './flag.ts';
import { place, timeoutMs } from './place.ts';
import { type Found, verifiedFlag } from './verified.ts';

const Path = z.string().regex(/^[^.]+(\.[^.]+)*$/, 'must be names or numbers with dots between');

const HttpFlag = z
  .strictObject({
    kind: z.literal('http'),
    ...values,
    write: RequestConfig.describe('Sets the flag: {value}, {primary} and {epoch} stand in address, headers and body.'),
    read: RequestConfig.extend({
      value: Path.describe('Where the value is in the JSON answer: environments.0.enabled'),
      epoch: Path.optional().describe('Where the epoch is; absent: the service cannot hold one, and the one in Postgres counts.'),
      sqlite: z.string().optional().describe('What is read where SQLite is primary; absent: what was written.'),
      postgres: z.string().optional().describe('What is read where Postgres is primary; absent: what was written.'),
    }).describe('Reads the flag back.'),
    timeoutMs,
    rewrite: z.boolean().default(true).describe('The gate writes the present state again, to prove that it may.'),
  })
  .refine(distinct, DISTINCT);
type HttpFlag = Readonly<z.infer<typeof HttpFlag>>;

export const httpPlace = place(HttpFlag, (config, context) => {
  const { read, write, timeoutMs } = config;
  return verifiedFlag(
    {
      name: `at ${write.url.replace(/[?#].*$/, '')}`,
      read: async () => foundIn(await send(read, 'GET', { facts: {}, env: context.env, timeoutMs }), config),
      write: state => set(config, context, state),
      meaning: { sqlite: read.sqlite ?? config.sqlite, postgres: read.postgres ?? config.postgres },
      settleMs: timeoutMs,
      rewrite: config.rewrite,
    },
    context,
  );
});

async function set({ write, timeoutMs, ...config }: HttpFlag, { env }: FlagContext, { primary, epoch }: FlagState): Promise<void> {
  await send(write, 'POST', { facts: { value: config[primary], primary, epoch: String(epoch) }, env, timeoutMs });
}

function foundIn(text: string, { read }: HttpFlag): Found {
  const document = parsed(text);
  return { value: scalar(document, read.value), epoch: read.epoch === undefined ? undefined : scalar(document, read.epoch) };
}

/** Its own error would repeat the beginning of the answer. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('the answer is not JSON');
  }
}

/** Text, number, true or false at a dotted path; undefined where there is nothing or null. */
function scalar(document: unknown, path: string): string | undefined {
  const value = path.split('.').reduce<unknown>((inner, name) => {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, name)) return undefined;
    return (inner as Record<string, unknown>)[name];
  }, document);
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object') throw new Error(`${path} in the answer is not one value`);
  return String(value);
}
