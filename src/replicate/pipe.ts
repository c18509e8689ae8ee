import type { Batch } from '../change/change.ts';
import type { Sink, Source } from '../change/ports.ts';

/**
 * The replicator. Forward is pipe(journal, postgres); reverse is pipe(wal, sqlite). Ends when `signal` aborts.
 *
 * The order of the two awaits is the delivery guarantee [G2]: a crash between them replays a batch the sink recognises
 * and skips; a crash before them replays one it never saw.
 */
export async function pipe<P, C>(
  source: Source<P, C>,
  sink: Sink<P, C>,
  signal: AbortSignal,
  applied: (batch: Batch<P, C>) => void = () => {},
): Promise<void> {
  const after = await sink.checkpoint();
  for await (const batch of source.read(after, signal)) {
    await sink.apply(batch);
    await source.acknowledge(batch.position);
    applied(batch);
  }
}
