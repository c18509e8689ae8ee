import type { Finding } from '../plan/finding.ts';
import type { Database } from './open.ts';

/** Physical damage, before anything relies on the file. Reads every page. */
export function integrity(db: Database): Finding[] {
  const said = db.prepare<[], string>('pragma quick_check(5)').pluck().all();
  if (said.length === 1 && said[0] === 'ok') return [];
  return [
    {
      code: 'corrupt',
      level: 'blocking',
      table: null,
      column: null,
      message: `the file is physically damaged: ${said[0] ?? 'quick_check said nothing'}`,
      remedy: 'restore it from a backup, or rescue what can be read with `sqlite3 damaged.db .recover | sqlite3 rescued.db`',
      count: said.length,
      samples: [],
    },
  ];
}
