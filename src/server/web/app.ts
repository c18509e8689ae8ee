/*
 * What the daemon answers over HTTP: its page, its metrics and its health.
 *
 * On the loopback address whoever is on this machine may look, under a name of this machine, so that no other site's page can. Beyond
 * it, or with a token in the configuration, looking needs the token too. Acting always does.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { secureHeaders } from 'hono/secure-headers';
import { messageOf, Refused, ReplicationError } from '../../change/errors.ts';
import { answer, failed } from '../answer.ts';
import type { Call } from '../calls.ts';
import type { StatusDocument } from '../documents.ts';
import type { Operations } from '../operations.ts';
import { isLoopback } from './loopback.ts';
import { PAGE, SCRIPT, STYLE } from './page.ts';
import { away, panels } from './panels.ts';

const MOST_BYTES = 65_536;

/** The controller that answers; undefined while there is none, and why. */
export type Attended = { operations: Operations | undefined; why: string };

/** `open`: whoever reaches it may look. */
export function webApp(attended: Attended, { token, open }: { readonly token: string; readonly open: boolean }): Hono {
  const app = new Hono();
  const holds = (context: Context): boolean => same(context.req.header('authorization') ?? '', `Bearer ${token}`);
  let underWay: ReturnType<typeof look> | undefined;
  /** Whoever asks while somebody is told already hears the same: many pages cost the switch no more than one. */
  const seen = (): ReturnType<typeof look> =>
    (underWay ??= look(attended).finally(() => {
      underWay = undefined;
    }));
  const looking: MiddlewareHandler = async (context, next) => {
    if (open ? isLoopback(hostIn(context)) : holds(context)) return await next();
    return open ? context.text('this page is served to this machine alone\n', 403) : context.text('the token is missing\n', 401);
  };
  const acting: MiddlewareHandler = async (context, next) => (holds(context) ? await next() : context.text('the token is missing\n', 401));

  app.use(secureHeaders({ contentSecurityPolicy: POLICY, xFrameOptions: 'DENY', strictTransportSecurity: false }));
  app.get('/', context => context.html(PAGE));
  app.get('/dashboard.css', context => context.body(STYLE, 200, { 'content-type': 'text/css' }));
  app.get('/dashboard.js', context => context.body(SCRIPT, 200, { 'content-type': 'text/javascript' }));
  app.get('/healthz', context => context.json({ ok: true }));
  app.get('/readyz', async context => {
    const { status } = await seen();
    const well = status !== undefined && status.halt === null;
    return context.json({ ok: well }, well ? 200 : 503);
  });
  app.get('/panels', looking, async context => {
    const { status, why } = await seen();
    return context.html(status === undefined ? away(why) : panels(status));
  });
  app.get('/metrics', looking, async context => {
    const [{ status }, { metrics }] = await Promise.all([seen(), import('./metrics.ts')]); // no daemon carries it that nobody scrapes
    const { type, text } = await metrics(status);
    return context.body(text, 200, { 'content-type': type });
  });
  app.post('/call', acting, bodyLimit({ maxSize: MOST_BYTES }), async context => {
    if (attended.operations === undefined)
      return context.body(failed(new ReplicationError('halt', attended.why, { hint: 'the daemon tries again by itself' })), 503);
    return await answer(context, attended.operations, 'dashboard', permitted);
  });
  return app;
}

const POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  connectSrc: ["'self'"],
  imgSrc: ['data:'],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

/** What the page may ask for. What ends the migration is for a terminal, which asks before. */
const PERMITTED: ReadonlySet<Call['operation']> = new Set([
  'status',
  'audit',
  'verify',
  'switch',
  'schedule',
  'approve',
  'quarantine',
  'throttle',
]);

function permitted({ operation }: Call): void {
  if (PERMITTED.has(operation)) return;
  throw new Refused(`${operation} is not for the page`, [
    {
      code: 'not-here',
      reason: 'the page looks, verifies, switches, approves, pauses and tries again, and no more',
      remedy: `run \`attacca ${operation}\` on the machine of the daemon`,
    },
  ]);
}

async function look({ operations, why }: Attended): Promise<{ readonly status?: StatusDocument; readonly why: string }> {
  if (operations === undefined) return { why };
  try {
    return { status: await operations.status(), why };
  } catch (error) {
    return { why: messageOf(error) };
  }
}

/** The name that the browser was given: another site's that leads here is not one of this machine. */
const hostIn = ({ req }: Context): string => new URL(req.url).hostname.replace(/^\[|\]$/g, '');

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const same = (given: string, wanted: string): boolean => timingSafeEqual(digest(given), digest(wanted));
