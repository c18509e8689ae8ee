import { z } from 'zod';
import type { FlagContext, FlagProvider } from './flag.ts';

/** A kind of place where a flag can live: its part of the configuration, and how to get at it. */
export function place<S extends z.ZodType>(config: S, open: (config: z.infer<S>, context: FlagContext) => FlagProvider) {
  return {
    config,
    /** undefined where `given` is the configuration of another kind. */
    open(given: unknown, context: FlagContext): FlagProvider | undefined {
      const own = config.safeParse(given);
      return own.success ? open(own.data, context) : undefined;
    },
  };
}

/** What a place that is asked takes besides. */
export const timeoutMs = z.int().min(100).max(60_000).default(5_000).describe('How long one request or one run may take.');
