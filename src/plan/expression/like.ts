import { literal } from '../../change/quote.ts';
import type { Expression } from './ast.ts';
import { asText } from './convert.ts';
import { Refusal } from './refusal.ts';
import type { Scope } from './scope.ts';
import { translate } from './translate.ts';

type Like = Extract<Expression, { readonly kind: 'like' }>;

/** LIKE and GLOB as a Postgres boolean. */
export function like(expression: Like, scope: Scope): string {
  const { operator, negated } = expression;
  if (operator === 'regexp' || operator === 'match') throw new Refusal(`${operator.toUpperCase()} is a function of the application`);
  const not = negated ? 'not ' : '';
  const operand = asText(translate(expression.operand, scope), scope).sql;
  const pattern = asText(translate(expression.pattern, scope), scope);
  if (operator === 'glob') return `(${not}${globbed(operand, pattern.value)})`;
  const sign = escapeOf(expression.escape);
  if (typeof pattern.value !== 'string' && sign !== '') throw new Refusal('a LIKE with ESCAPE has a pattern that is not a literal');
  if (typeof pattern.value === 'string' && sign !== '' && new RegExp(`(^|[^\\${sign}])(\\${sign}\\${sign})*\\${sign}$`).test(pattern.value))
    throw new Refusal('a LIKE ends with its ESCAPE character');
  const folded = typeof pattern.value === 'string' ? literal(lower(pattern.value)) : `lower(${pattern.sql} collate "C")`;
  return `(lower(${operand} collate "C") ${not}like ${folded} escape ${literal(sign)})`;
}

/** SQLite folds ASCII letters only, here and everywhere. */
const lower = (text: string): string => text.replaceAll(/[A-Z]/g, letter => letter.toLowerCase());

function escapeOf(sign: Expression | null): string {
  if (sign === null) return '';
  const value = sign.kind === 'literal' ? sign.value : undefined;
  if (typeof value !== 'string' || !/^[!-/:-@[-`{-~]$/.test(value) || value === '%' || value === '_')
    throw new Refusal('the ESCAPE of a LIKE is not a plain sign');
  return value;
}

function globbed(operand: string, pattern: unknown): string {
  if (typeof pattern !== 'string') throw new Refusal('a GLOB has a pattern that is not a literal');
  return `${operand} collate "C" ~ ${literal(`^(?:${regex(pattern)})$`)}`;
}

/** A GLOB pattern as a regular expression of Postgres. Throws Refusal for a set that is not closed. */
function regex(pattern: string): string {
  return pattern.replaceAll(/\*|\?|\[\^?\]?[^\]]*\]?|[^\p{L}\p{N}_]/gsu, part => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    return part.startsWith('[') ? set(part) : `\\${part}`;
  });
}

function set(part: string): string {
  const [, not = '', members = ''] = /^\[(\^?)(.+)\]$/s.exec(part) ?? [];
  if (members === '' || members.includes('[:')) throw new Refusal('a GLOB has a set that does not end');
  return `[${not}${members.replaceAll(/[^\p{L}\p{N}_-]/gu, '\\$&')}]`;
}
