import { z } from 'zod';
import { FlagValue } from './config.ts';
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

/** What every place but the file has: the values that mean a side, and how long one step may take. */
export const values = {
  sqlite: FlagValue.default('sqlite').describe('The value that means SQLite.'),
  postgres: FlagValue.default('postgresql').describe('The value that means Postgres.'),
};
export const timeoutMs = z.int().min(100).max(60_000).default(5_000).describe('How long one request or one run may take.');

export const distinct = ({ sqlite, postgres }: { readonly sqlite: string; readonly postgres: string }): boolean => sqlite !== postgres;
export const DISTINCT = { path: ['postgres'], message: 'must differ from the value for sqlite' };
