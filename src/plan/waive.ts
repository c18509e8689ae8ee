/*
 * Waivers: blocking findings that the owner accepts by name, with a reason. Accepted is what could be missed and is then found by
 * verification; what makes replication impossible cannot be waived.
 */
import { z } from 'zod';
import { UsageError } from '../change/errors.ts';
import type { Finding } from './finding.ts';

export const Waiver = z.strictObject({
  /** CODE, CODE:TABLE or CODE:TABLE.COLUMN. */
  finding: z.string().min(1),
  reason: z.string().min(1),
});
export type Waiver = Readonly<z.infer<typeof Waiver>>;

/** Capture works, and may miss rows that SQLite changes behind the triggers' back; `attacca verify` finds those. */
export const WAIVABLE: ReadonlySet<string> = new Set([
  'raise-ignore',
  'volatile-unique-default',
  'unique-expression-over-default',
  'unique-expression-comparison',
]);

const namesOf = ({ code, table, column }: Finding): string[] => [
  code,
  ...(table === null ? [] : [`${code}:${table}`, ...(column === null ? [] : [`${code}:${table}.${column}`])]),
];

/**
 * The findings, with the blocking ones that somebody has waived as warnings that carry the reason; and the waivers that met one.
 * A waiver of what is no longer found is kept quiet, since files outlive what they were written for. Throws UsageError for one
 * of a finding that cannot be waived.
 */
export function waive(
  findings: readonly Finding[],
  waivers: readonly Waiver[],
): { readonly findings: Finding[]; readonly waived: Waiver[] } {
  const refused = waivers.find(({ finding }) => !WAIVABLE.has(finding.split(':')[0] ?? ''));
  if (refused !== undefined)
    throw new UsageError(
      `${refused.finding} cannot be waived`,
      `What can be waived: ${[...WAIVABLE].join(', ')}, each with :TABLE if you like.`,
    );
  const waived = new Set<Waiver>();
  const seen = findings.map((found): Finding => {
    const waiver = found.level === 'blocking' ? waivers.find(each => namesOf(found).includes(each.finding)) : undefined;
    if (waiver === undefined) return found;
    waived.add(waiver);
    return { ...found, level: 'warning', waived: waiver.reason };
  });
  return { findings: seen, waived: [...waived] };
}

/** The name under which a finding is waived most exactly; undefined for one that cannot be. */
export const waivableAs = (found: Finding): string | undefined =>
  found.level === 'blocking' && WAIVABLE.has(found.code) ? namesOf(found).at(-1) : undefined;
