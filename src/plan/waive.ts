/*
 * Waivers: blocking findings that the owner accepts by name, with a reason. Accepted is what could be missed and is then found by
 * verification; what makes replication impossible cannot be waived.
 */
import { z } from 'zod';
import { shellWord } from '../change/shell.ts';
import type { Code } from './codes.ts';
import type { Finding } from './finding.ts';

/** Capture works, and may miss rows that SQLite changes behind the triggers' back; `attacca verify` finds those. */
export const WAIVABLE: ReadonlySet<string> = new Set<Code>([
  'raise-ignore',
  'volatile-unique-default',
  'unique-expression-over-default',
  'unique-expression-comparison',
]);

/** CODE, CODE:TABLE or CODE:TABLE.COLUMN. */
export const Waived = z.string().refine(name => WAIVABLE.has(name.split(':')[0] ?? ''), {
  error: ({ input }) => `${input} cannot be waived; what can be: ${[...WAIVABLE].join(', ')}, each with :TABLE if you like`,
});

export const Waiver = z.strictObject({ finding: Waived, reason: z.string().min(1) });
export type Waiver = Readonly<z.infer<typeof Waiver>>;

const namesOf = ({ code, table, column }: Finding): string[] => [
  code,
  ...(table === null ? [] : [`${code}:${table}`, ...(column === null ? [] : [`${code}:${table}.${column}`])]),
];

/**
 * The findings, with the blocking ones that somebody has waived as warnings that carry the reason; and the waivers that met one.
 * A waiver of what is no longer found is kept quiet, since files outlive what they were written for.
 */
export function waive(
  findings: readonly Finding[],
  waivers: readonly Waiver[],
): { readonly findings: Finding[]; readonly waived: Waiver[] } {
  const waived = new Set<Waiver>();
  const seen = findings.map((found): Finding => {
    const waiver = found.level === 'blocking' ? waivers.find(each => namesOf(found).includes(each.finding)) : undefined;
    if (waiver === undefined) return found;
    waived.add(waiver);
    return { ...found, level: 'warning', waived: waiver.reason };
  });
  return { findings: seen, waived: [...waived] };
}

/** What to do about a finding; of one that can be accepted, how: by the name that means it alone. */
export function todo(found: Finding): string {
  if (found.waived !== undefined) return `waived: ${found.waived}`;
  const acceptable = found.level === 'blocking' && WAIVABLE.has(found.code);
  return acceptable ? `${found.remedy}; or accept it: --waive ${shellWord(namesOf(found).at(-1) ?? '')}` : found.remedy;
}
