import { Hono } from 'hono';
import { actor } from '../change/actor.ts';
import { Refused } from '../change/errors.ts';
import { answer, failed } from './answer.ts';
import { ANOTHER, CALLER, SOURCE, TARGET } from './calls.ts';
import type { Operations } from './operations.ts';
import { fileOf } from './socket.ts';

/** The API of the daemon that follows `source` to `target`, which is as people may see it. Whoever means another file is refused before anything else. */
export function controlApp(operations: Operations, source: string, target = ''): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    const meant = context.req.header(SOURCE);
    if (meant === undefined || meant === encodeURIComponent(fileOf(source))) return await next();
    return context.body(failed(otherSource(source, decoded(meant))), ANOTHER);
  });
  app.get(TARGET, context => context.text(target));
  app.post('/call', context => answer(context, operations, context.req.header(CALLER) ?? actor()));
  return app;
}

/** As it came, where `headersOf` has not made it. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

const otherSource = (ours: string, theirs: string): Refused =>
  new Refused('the daemon in this folder follows another file', [
    {
      code: 'other-source',
      reason: `it follows ${ours}, not ${theirs}, and there is one daemon to a folder`,
      remedy: 'give the source that it follows, or put each database in a folder of its own',
    },
  ]);
