import type { Mark, Rows } from '../../change/change.ts';
import type { Sink } from '../../change/ports.ts';
import { postgresSink } from '../../postgres/apply.ts';
import type { Installed } from './engine.ts';
import { watched } from './points.ts';

/** The forward sink on the session that holds the lock. */
export const forwardSink = (on: Installed): Sink<Mark, Rows> =>
  watched(
    'postgres',
    postgresSink({ session: on.engine.main, plan: on.plan, writer: on.writer, onQuarantine: on.onQuarantine }),
    on.engine.reached,
  );
