import { z } from 'zod';

/** A dotenv file has no one rule for escapes, so a value that would need one is refused. */
const FlagValue = z.string().regex(/^[^\p{Cc}"'`\\#$]+$/u, 'must not contain quotes, backslash, #, $ or control characters');

/** The values that mean a side, wherever the flag lives. */
export const values = {
  sqlite: FlagValue.default('sqlite').describe('The value that means SQLite.'),
  postgres: FlagValue.default('postgresql').describe('The value that means Postgres.'),
};

export const distinct = ({ sqlite, postgres }: { readonly sqlite: string; readonly postgres: string }): boolean => sqlite !== postgres;
export const DISTINCT = { path: ['postgres'], message: 'must differ from the value for sqlite' };

export const FlagConfig = z
  .strictObject({
    kind: z.literal('file').default('file'),
    path: z.string().min(1).describe('The file that the application reads.'),
    format: z.enum(['dotenv', 'json', 'flagd']).default('dotenv'),
    key: z.string().min(1).default('DB_TYPE').describe('A variable (dotenv), a dotted path (json) or the name of a flag (flagd).'),
    ...values,
  })
  .refine(distinct, DISTINCT)
  .refine(config => config.format !== 'dotenv' || /^[A-Za-z_][\w.-]*$/.test(config.key), {
    path: ['key'],
    message: 'is not a variable name',
  });
export type FlagConfig = Readonly<z.infer<typeof FlagConfig>>;
