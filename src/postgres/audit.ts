import type { Session } from './open.ts';

/** Adds a line to the log of what was done here. `detail` never holds row values. */
export async function audit(session: Session, event: string, detail: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await session.query(/* sql */ `insert into attacca.audit (event, detail) values ($1, $2)`, [event, JSON.stringify(detail)]);
}

const TIMELINE = /* sql */ `select at, event, by from (select * from attacca.audit order by id desc limit $1) newest order by id`;

/** The newest lines of the log, oldest first. */
export async function readAudit(session: Session, lines: number): Promise<{ at: string; event: string; by: string }[]> {
  const { rows } = await session.query(TIMELINE, [lines]);
  return rows.map(row => ({ at: row.at ?? '', event: row.event ?? '', by: row.by ?? '' }));
}
