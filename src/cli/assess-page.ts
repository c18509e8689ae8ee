import { html, raw } from 'hono/html';
import { LEVELS } from '../plan/estimate.ts';
import { type Finding, placeOf } from '../plan/finding.ts';
import type { Plan, TablePlan } from '../plan/plan.ts';
import { todo } from '../plan/waive.ts';
import type { AssessDocument } from '../server/documents.ts';
import { PAGE_STYLE } from '../server/web/page-style.ts';

const TITLES = {
  blocking: 'Blocks: decide before anything runs',
  warning: 'Decide before the cutover',
  note: 'Good to know',
} as const satisfies Readonly<Record<Finding['level'], string>>;

/** The assessment as one self-contained page: no script, nothing loaded from elsewhere, no value of a row. `estimates`: sentences. */
export function page(document: AssessDocument, plan: Plan, estimates: readonly string[]): string {
  const groups = LEVELS.map(level => ({ level, found: document.findings.filter(finding => finding.level === level) }));
  const objects = document.objects.map(
    ({ type, name, disposition }) => html`<tr><td>${type}</td><td><code>${name}</code></td><td>${disposition}</td></tr>`,
  );
  return String(html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8" /><meta name="viewport" content="width=device-width" /><title>attacca: assessment</title><style>${raw(PAGE_STYLE)}</style></head>
<body>
<h1>Assessment of <code>${document.source}</code></h1>
<p>${document.tables.length} tables, ${document.tables.reduce((sum, { rows }) => sum + rows, 0)} rows, ${document.bytes} bytes.
<strong class="${document.ready ? '' : 'blocking'}">${document.ready ? 'Nothing blocks.' : 'Blocked: see the blocking findings.'}</strong>
${groups.map(({ level, found }) => html`<span class="${level}">${found.length} ${level}</span> `)}</p>
<h2>Findings</h2>
${document.findings.length === 0 ? html`<p>None.</p>` : groups.filter(({ found }) => found.length > 0).map(group)}
<h2>Time and space</h2>
<ul>${estimates.map(line => html`<li>${line}</li>`)}</ul>
<h2>What becomes what, and why</h2>
${plan.tables.map(table => becomes(table, document))}
<h2>Every object of the schema</h2>
<table><tr><th>type</th><th>name</th><th>what becomes of it</th></tr>${objects}</table>
</body>
</html>
`);
}

const group = ({
  level,
  found,
}: {
  readonly level: Finding['level'];
  readonly found: readonly Finding[];
}) => html`<h3 class="${level}">${TITLES[level]} (${found.length})</h3>
<table><tr><th>code</th><th>where</th><th>what, and what to do</th><th>count</th><th>keys of some rows</th></tr>
${found.map(
  finding => html`<tr>
    <td><code>${finding.code}</code></td>
    <td><code>${placeOf(finding)}</code></td>
    <td>${finding.message}<br />→ ${todo(finding)}</td>
    <td>${finding.count}</td>
    <td><code>${finding.samples.slice(0, 5).join(' ')}</code></td>
  </tr>`,
)}</table>`;

function becomes(table: TablePlan, document: AssessDocument) {
  const facts = document.tables.find(each => each.table === table.name);
  const generated = (table.generated ?? []).map(column => ({ ...column, reason: `generated as ${column.sql}` }));
  return html`<details open><summary>${table.name} → ${table.target} <span class="dim">${facts?.rows ?? 0} rows, key: ${facts?.key ?? ''}</span></summary>
<table><tr><th>column</th><th>in Postgres</th><th>type</th><th>codec</th><th>why</th></tr>
${[...table.columns, ...generated].map(
  ({ name, target, type, codec, reason }) =>
    html`<tr><td><code>${name}</code></td><td><code>${target}</code></td><td><code>${type}</code></td><td><code>${codec}</code></td><td>${reason}</td></tr>`,
)}</table></details>`;
}
