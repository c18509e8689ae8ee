/*
 * WITH RECURSIVE: both databases take the rows of a first query, and then those that each new row leads to.
 */
import type { Select, SelectPart } from './ast.ts';
import { Refusal } from './refusal.ts';

const reads = ({ from }: SelectPart, name: string): boolean =>
  from.some(({ source }) => source.kind === 'table' && source.name.toLowerCase() === name.toLowerCase());

/** Whether it reads the table of this name itself. */
export const mentions = ({ parts }: Select, name: string): boolean => parts.some(part => reads(part, name));

/** What a WITH that reads itself begins with. Throws Refusal where it has another form than Postgres's: all but the last part, which UNION joins. */
export function beginning(select: Select, name: string): Select {
  const parts = select.parts.filter(part => !reads(part, name));
  const last = select.parts.at(-1);
  const plain = parts.length > 0 && parts.length === select.parts.length - 1 && last !== undefined && reads(last, name);
  if (!plain || !/^union(?: all)?$/.test(last.join ?? '') || select.ctes.length > 0)
    throw new Refusal('it has a recursive WITH of another form than Postgres');
  if (select.orderBy.length > 0 || select.limit !== null || select.offset !== null)
    throw new Refusal('it orders or limits a recursive WITH');
  return { ...select, parts };
}
