import { quote } from '../../change/quote.ts';
import { codeOf, type Database, damaged } from '../open.ts';

/** What quick_check also reports: rows that a constraint would refuse. The plan deals with those; the pages are whole. */
const CONTENT = /^(NULL value in |CHECK constraint failed in |\S+ value in )/;
const HEADING = /^\*\*\* in database \S+ \*\*\*\n/;

/** Reads every page of the file. Throws Refused, with code 'corrupt', when it is physically damaged. */
export function refuseDamaged(db: Database, path: string): void {
  // A CHECK may call a function that only the application has.
  db.pragma('ignore_check_constraints = on');
  const found = quickCheck(db).filter(line => line !== 'ok' && !CONTENT.test(line));
  db.pragma('ignore_check_constraints = off');
  if (found[0] !== undefined) throw damaged(path, found[0].replace(HEADING, '').replaceAll('\n', '; '));
}

const TABLES = /* sql */ `select name from sqlite_schema where type = 'table' and rootpage > 0`;

/** The check of the whole file also asks its virtual tables; one whose module or tokenizer only the application has cannot answer. */
function quickCheck(db: Database): string[] {
  const whole = linesOf(db, 'pragma quick_check');
  if (whole !== undefined) return whole;
  const tables = db.prepare<[], string>(TABLES).pluck().all();
  return tables.flatMap(name => linesOf(db, `pragma quick_check(${quote(name)})`) ?? []);
}

/** undefined where it cannot be asked. */
function linesOf(db: Database, pragma: string): string[] | undefined {
  try {
    return db.prepare<[], string>(pragma).pluck().all();
  } catch (error) {
    const code = codeOf(error);
    if (/^SQLITE_ERROR(_MISSING_COLLSEQ)?$/.test(code)) return undefined;
    if (!/^SQLITE_(CORRUPT|NOTADB)/.test(code)) throw error;
    return [code];
  }
}
