/*
 * Whether the WHERE of a partial index can be asked of a row that is not in its table yet. Such a row's values have lost the
 * affinity of their columns: where u is TEXT, `u = 1` finds '1' in the table and not in NEW.
 *
 * The text is looked at with letters in place of what does not matter: S for a string, N for a number, f for what a function
 * gives, c0 for the first column.
 */
import type { SourceColumn, SourceTable } from '../../plan/schema.ts';
import { nameOf, type Token, tokenize } from '../schema/tokens.ts';

const LITERAL = '(?:[-+] )?N|S';
const VALUE = `c\\d+|f|${LITERAL}`;
/** No comparison, whatever stands before it. */
const NULL_TEST = / (is( not)? null|isnull|notnull|not null)\b/g;
const ARROW = /\bc\d+ - >( >)? [SN]/g;
const CALL = new RegExp(`\\b(?!and |or |not |in |cast )[a-z_]\\w* \\( (?:(?:${VALUE})(?: , (?:${VALUE}))* )?\\)`, 'g');
const OPERATOR = '(?:= =|=|< =|< >|<|> =|>|! =|is not|is|not in|in)';
const COMPARED = new RegExp(`\\b(c\\d+|f) ${OPERATOR} (${LITERAL}|\\( (?:${LITERAL})(?: , (?:${LITERAL}))* \\))(?= and | or | \\)|$)`, 'g');
const COMPARISON = /[=<>]|\b(is|in|between|like|glob|case|regexp|match)\b/;

/**
 * Whether every comparison in `sql` is one of a column, or of what a function gives, with literals that the column's affinity leaves
 * as they are. What it cannot read it takes for one that is not.
 */
export function comparesAlike(sql: string, table: SourceTable): boolean {
  let text = lettered(sql, table).replaceAll(NULL_TEST, '').replaceAll(ARROW, 'f');
  for (let before = ''; before !== text; ) [before, text] = [text, text.replaceAll(CALL, 'f')];
  const left = text.replaceAll(COMPARED, (whole, operand: string, literals: string) => {
    const column = table.columns[Number(operand.slice(1))];
    return operand === 'f' || (column !== undefined && leavesAsIs(column, literals)) ? 'f' : whole;
  });
  return !COMPARISON.test(left);
}

function lettered(sql: string, { columns }: SourceTable): string {
  const letters = (token: Token): string => {
    if (token.kind === 'string') return 'S';
    if (token.kind === 'other') return /^\d/.test(token.text) ? 'N' : token.text;
    const column = columns.findIndex(({ name }) => name.toLowerCase() === nameOf(token).toLowerCase());
    return column < 0 ? token.text.toLowerCase() : `c${column}`;
  };
  return tokenize(sql)
    .filter(({ kind }) => kind !== 'blank')
    .map(letters)
    .join(' ');
}

function leavesAsIs({ affinity, collation, generated, notNull, default: value }: SourceColumn, literals: string): boolean {
  // What stands in place of the column in NEW is an expression: that has no collation, and a generated one no affinity.
  if ((generated || (notNull && value !== null)) && collation !== 'BINARY') return false;
  if (affinity === 'blob') return true;
  return !generated && !literals.includes(affinity === 'text' ? 'N' : 'S');
}
