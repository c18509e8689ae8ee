import { z } from 'zod';

export const Count = z.int().min(0);
export const Integer = z
  .string()
  .regex(/^-?\d+$/)
  .describe('An integer of any size, as text.');
