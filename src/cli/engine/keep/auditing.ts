/* The log of what was done (postgres/installed/audit.ts): who asked, what came of it as evidence, and its export. */
import { createHash } from 'node:crypto';
import { messageOf, Refused } from '../../../change/errors.ts';
import { audit, hasAudit, readWholeAudit } from '../../../postgres/installed/audit.ts';
import { readControl } from '../../../postgres/installed/control.ts';
import type { Session } from '../../../postgres/session/open.ts';
import { type AuditDocument, VerifyDocument } from '../../../server/documents.ts';
import { fileControlAt } from '../../../sqlite/capture/control.ts';
import { outputTo } from '../../write.ts';
import type { Engine } from '../engine.ts';

/** Notes what is asked for, before it is done. Where nothing is installed there is no log, and nothing to note. */
export async function noteAsked(engine: Engine, what: string, detail: Readonly<Record<string, unknown>>, by: string): Promise<void> {
  engine.log.info({ what, by }, 'asked');
  if (await hasAudit(engine.side)) await audit(engine.side, `asked: ${what}`, detail, by);
}

/** Notes why something did not come about, where there is a log and it can be reached, and gives the error back. */
export async function noted(engine: Engine, event: string, error: unknown, by?: string): Promise<unknown> {
  const reasons = error instanceof Refused ? error.blockers.map(({ code }) => code) : [messageOf(error)];
  try {
    if (await hasAudit(engine.side)) await audit(engine.side, event, { reasons }, by);
  } catch (cause) {
    engine.log.warn({ err: cause }, 'not noted in the log');
  }
  return error;
}

/** Notes the digest of a verification's report: of exactly the bytes that `attacca verify --json` prints. */
export async function noteReport(side: Session, document: VerifyDocument): Promise<VerifyDocument> {
  const report = VerifyDocument.parse(document);
  const sha256 = createHash('sha256')
    .update(`${JSON.stringify(report, null, 2)}\n`)
    .digest('hex');
  const { kind, position, rows, differences, repaired } = report;
  await audit(side, 'report', { sha256, kind, position, rows, differences, repaired });
  return report;
}

/** Where both sides stand: what a line about a switch is worth without it is little. */
export async function positions(engine: Engine): Promise<Readonly<Record<string, unknown>>> {
  const sqlite = fileControlAt(engine.config.source);
  const control = await readControl(engine.side);
  return {
    epoch: String(control?.epoch),
    checkpoint: control?.mark === null ? null : String(control?.mark.seq),
    sqlite:
      sqlite === undefined ? null : { primary: sqlite.primary, epoch: String(sqlite.epoch), seq: String(sqlite.seq), lsn: sqlite.lsn },
    postgres: { system: engine.facts.systemIdentifier, timeline: engine.facts.timeline },
  };
}

/** Writes the whole log to `path`, before it goes with the installation. Throws UsageError where that cannot be. */
export async function exportAudit(engine: Engine, path: string | undefined): Promise<void> {
  if (path === undefined || !(await hasAudit(engine.side))) return;
  const write = outputTo(path, engine.config.source);
  const document = { entries: await readWholeAudit(engine.side) };
  write(() => written(document, path.endsWith('.csv')));
}

/** The log as a file: JSON, or CSV as RFC 4180 has it. */
export function written(document: AuditDocument, csv: boolean): string {
  if (!csv) return `${JSON.stringify(document, null, 2)}\n`;
  const rows = document.entries.map(({ id, at, event, by, version, role, detail }) => [
    id,
    at,
    event,
    by,
    version,
    role,
    JSON.stringify(detail),
  ]);
  return [['id', 'at', 'event', 'by', 'version', 'role', 'detail'], ...rows].map(row => `${row.map(cell).join(',')}\r\n`).join('');
}

const cell = (value: string | null | undefined): string =>
  value == null ? '' : /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
