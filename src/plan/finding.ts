import { z } from 'zod';

/** One fact of an assessment. Codes are stable: scripts and waivers name them. */
export const Finding = z.strictObject({
  code: z.string(),
  level: z.enum(['blocking', 'warning', 'note']),
  table: z.string().nullable(),
  column: z.string().nullable(),
  /** What is so, in one sentence. */
  message: z.string(),
  /** What to do, in one sentence. */
  remedy: z.string(),
  count: z.int(),
  /** Keys of a few rows concerned, never their values. */
  samples: z.array(z.string()),
  /** Why the owner accepts it: it blocked, and was waived. */
  waived: z.string().optional(),
});
export type Finding = Readonly<z.infer<typeof Finding>>;

/** The table and the column that it is about; empty for neither. */
export const placeOf = ({ table, column }: Finding): string => [table, column].filter(part => part !== null).join('.');
