import { html, raw } from 'hono/html';
import type { Plan } from '../plan/plan.ts';
import type { AssessDocument } from '../server/documents.ts';

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top }
.blocking { color: #b00020; font-weight: 600 } .warning { color: #9a6700 } .note { color: #555 } code { font-size: .9em }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #ddd } th, td { border-color: #333 } .blocking { color: #ff6b81 } .warning { color: #e3b341 } .note { color: #999 } }`;

/** The assessment as one self-contained page: no script, nothing loaded from elsewhere. */
export function page(document: AssessDocument, plan: Plan): string {
  const findings = document.findings.map(
    ({ level, code, table, column, message, remedy, count, samples }) => html`<tr>
      <td class="${level}">${level}</td>
      <td><code>${code}</code></td>
      <td>${[table, column].filter(part => part !== null).join('.')}</td>
      <td>${message}<br />→ ${remedy}</td>
      <td>${count}</td>
      <td>${samples.slice(0, 5).join(' ')}</td>
    </tr>`,
  );
  const tables = plan.tables.map(
    table => html`<h3>${table.name}</h3>
      <p>${document.tables.find(each => each.table === table.name)?.rows ?? 0} rows, key: ${document.tables.find(each => each.table === table.name)?.key ?? ''}</p>
      <table>
        <tr><th>column</th><th>in Postgres</th><th>type</th><th>codec</th><th>why</th></tr>
        ${table.columns.map(
          column =>
            html`<tr><td>${column.name}</td><td>${column.target}</td><td>${column.type}</td><td>${column.codec}</td><td>${column.reason}</td></tr>`,
        )}
        ${(table.generated ?? []).map(
          column =>
            html`<tr><td>${column.name}</td><td>${column.target}</td><td>${column.type}</td><td>${column.codec}</td><td>generated as ${column.sql}</td></tr>`,
        )}
      </table>`,
  );
  const objects = document.objects.map(
    ({ type, name, disposition }) => html`<tr><td>${type}</td><td>${name}</td><td>${disposition}</td></tr>`,
  );
  return String(html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8" /><meta name="viewport" content="width=device-width" /><title>attacca: assessment</title><style>${raw(STYLE)}</style></head>
<body>
<h1>Assessment</h1>
<p>${document.source}: ${document.tables.length} tables, ${document.bytes} bytes. ${document.ready ? 'Nothing blocks.' : 'BLOCKED: see the blocking findings.'}</p>
<h2>Findings</h2>
<table><tr><th>level</th><th>code</th><th>where</th><th>what, and what to do</th><th>count</th><th>keys</th></tr>${findings}</table>
<h2>What becomes what</h2>
${tables}
<h2>Every object of the schema</h2>
<table><tr><th>type</th><th>name</th><th>what becomes of it</th></tr>${objects}</table>
</body>
</html>
`);
}
