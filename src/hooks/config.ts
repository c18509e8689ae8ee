import { z } from 'zod';
import { RequestConfig } from '../outside/request.ts';

/** The moments at which somebody else is told. Only the first one can still say no. */
const POINTS = ['before-cutover', 'after-fence', 'after-switch', 'after-rollback', 'on-halt'] as const;
export type Point = (typeof POINTS)[number];

const { url, ...request } = RequestConfig.shape;

const Hook = z
  .strictObject({
    command: z
      .array(z.string())
      .min(1)
      .optional()
      .describe('Program and arguments; the facts are JSON on its stdin and ATTACCA_* variables.'),
    url: url.optional().describe('A request instead; without a body the facts are sent as JSON.'),
    ...request,
    timeoutMs: z.int().min(100).max(600_000).default(10_000).describe('How long it may take.'),
  })
  .refine(hook => (hook.command === undefined) !== (hook.url === undefined), 'must have either a command or a url');
export type Hook = Readonly<z.infer<typeof Hook>>;

const Hooks = z.array(Hook).prefault([]);

export const HooksConfig = z.strictObject({
  'before-cutover': Hooks.describe('Before a cutover begins; one that fails refuses it.'),
  'after-fence': Hooks.describe('Beside the switch, once the old side is closed for good.'),
  'after-switch': Hooks.describe('Once PostgreSQL is primary.'),
  'after-rollback': Hooks.describe('Once SQLite is primary again.'),
  'on-halt': Hooks.describe('When the daemon stops because only a person can help.'),
});
export type HooksConfig = Readonly<z.infer<typeof HooksConfig>>;
