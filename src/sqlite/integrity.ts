import { codeOf, type Database, damaged } from './open.ts';

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

function quickCheck(db: Database): string[] {
  try {
    return db.prepare<[], string>('pragma quick_check').pluck().all();
  } catch (error) {
    if (!/^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error))) throw error;
    return [codeOf(error)];
  }
}
