/*
 * One HTTP request to somebody else's service. It ends within its time limit, follows no redirect (a header with a secret would
 * go along), and what it throws names the service and never a header, a body or the whole address.
 */
import { z } from 'zod';
import { type Facts, fill, fillAll } from './secrets.ts';

/** A request as the configuration describes it; every text in it is a template (secrets.ts). */
export const RequestConfig = z.strictObject({
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).optional(),
  url: z.string().regex(/^(https?:\/\/[^@/]*(\/|$)|\$\{)/, 'must begin with http:// or https://, without a user name'),
  headers: z.record(z.string(), z.string()).default({}),
  body: z
    .union([z.string(), z.record(z.string(), z.unknown())])
    .optional()
    .describe('Text, or an object that is sent as JSON.'),
  expect: z
    .strictObject({
      status: z.array(z.int().min(100).max(599)).min(1).optional().describe('Absent: any 2xx.'),
      contains: z.string().optional().describe('A text that must be in the answer.'),
    })
    .prefault({}),
});
export type RequestConfig = Readonly<z.infer<typeof RequestConfig>>;

export type Sending = {
  readonly facts: Facts;
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** What is sent as JSON, as it is, where the configuration has no body. */
  readonly document?: unknown;
};

const LARGEST = 1_000_000;

/** Sends it and returns the text of the answer. Throws an Error with the reason, also where the answer is not the expected one. */
export async function send(request: RequestConfig, method: string, { facts, env, timeoutMs, document }: Sending): Promise<string> {
  const url = addressOf(request.url, facts, env);
  const { body, headers } = contentOf(request, { facts, env, document });
  const signal = AbortSignal.timeout(timeoutMs);
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, { method: request.method ?? method, headers, body, redirect: 'manual', signal });
    status = response.status;
    text = await limited(response);
  } catch (error) {
    throw new Error(`${url.origin} ${signal.aborted ? `did not answer within ${timeoutMs} ms` : `cannot be asked: ${reasonOf(error)}`}`);
  }
  const { expect } = request;
  const wanted = expect.status === undefined ? status >= 200 && status < 300 : expect.status.includes(status);
  if (!wanted) throw new Error(`${url.origin} answered with status ${status}`);
  if (expect.contains !== undefined && !text.includes(expect.contains)) throw new Error(`${url.origin} answered without the expected text`);
  return text;
}

/** The address for people: where it leads, or the variable that says so, because the rest of it may be a secret. */
export const shownAddress = (template: string): string => /^(?:https?:\/\/[^/?#]*|\$\{[^}]*\})/.exec(template)?.[0] ?? '';

/** What is put into an address is one part of it, whatever its characters; secrets stand there as they are. */
function addressOf(template: string, facts: Facts, env: NodeJS.ProcessEnv): URL {
  const encoded = Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, encodeURIComponent(value)]));
  const filled = fill(template, encoded, env);
  const url = URL.parse(filled);
  if (url === null || !/^https?:$/.test(url.protocol)) throw new Error(`${shownAddress(template)} does not make an address`);
  if (url.username !== '' || url.password !== '') throw new Error(`${url.origin}: a user name in an address is not sent; use a header`);
  return url;
}

type Content = Omit<Sending, 'timeoutMs'>;

function contentOf({ body, headers }: RequestConfig, { facts, env, document }: Content): { body: string | null; headers: Headers } {
  const json = typeof body === 'string' ? undefined : body === undefined ? document : fillAll(body, facts, env);
  const filled = new Headers(json === undefined ? {} : { 'content-type': 'application/json' });
  for (const [name, value] of Object.entries(headers)) put(filled, name, fill(value, facts, env));
  if (json !== undefined) return { body: JSON.stringify(json), headers: filled };
  return { body: typeof body === 'string' ? fill(body, facts, env) : null, headers: filled };
}

/** The error of Headers would repeat the value. */
function put(headers: Headers, name: string, value: string): void {
  try {
    headers.set(name, value);
  } catch {
    throw new Error(`the header ${name} has characters that cannot be sent`);
  }
}

async function limited(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > LARGEST) throw new Error(`the answer is longer than ${LARGEST} characters`);
  }
  return text + decoder.decode();
}

/** The code of the system's error; texts of others may repeat what was sent. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code !== '') return code;
  return error instanceof Error && error.message.startsWith('the answer is') ? error.message : 'the connection failed';
}
