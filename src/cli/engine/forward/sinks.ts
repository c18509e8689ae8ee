import type { Mark, Rows } from '../../../change/change.ts';
import type { Sink } from '../../../change/ports.ts';
import { postgresSink, type SinkOptions } from '../../../postgres/apply/apply.ts';
import type { Installed } from '../engine.ts';
import { watched } from '../points.ts';

/** The forward sink on the session that holds the lock. `before`: what is done in the transaction of its first batch. */
export const forwardSink = (on: Installed, before?: SinkOptions['before']): Sink<Mark, Rows> =>
  watched(
    'postgres',
    postgresSink({
      session: on.engine.main,
      plan: on.plan,
      writer: on.writer,
      onQuarantine: on.onQuarantine,
      policy: on.engine.config.quarantine,
      ...(before && { before }),
    }),
    on.engine.reached,
  );
