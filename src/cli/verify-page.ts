import { html, raw } from 'hono/html';
import type { VerifyDocument } from '../server/documents.ts';
import { PAGE_STYLE } from '../server/web/page-style.ts';
import { askedText, placeText, verdict } from './verify-text.ts';

type Table = VerifyDocument['tables'][number];

/** The report as evidence, one self-contained page: no script, nothing loaded from elsewhere, no value of a row but its key. */
export function page(report: VerifyDocument): string {
  const differing = report.tables.filter(({ samples }) => samples.length > 0);
  return String(html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8" /><meta name="viewport" content="width=device-width" /><title>attacca: verification</title><style>${raw(PAGE_STYLE)}</style></head>
<body>
<h1>Verification of <code>${report.source}</code></h1>
<p><strong class="${report.ok ? '' : 'blocking'}">${verdict(report)}</strong></p>
<table>
<tr><th>against</th><td><code>${report.target}</code></td></tr>
<tr><th>compared at</th><td>${placeText(report)}</td></tr>
<tr><th>asked for by</th><td>${askedText(report)}</td></tr>
<tr><th>extent</th><td>${report.kind === 'full' ? 'every table' : 'the tables below only'}</td></tr>
<tr><th>copied again</th><td>${report.repaired}</td></tr>
<tr><th>in quarantine</th><td>${report.quarantined}</td></tr>
</table>
<h2>Tables</h2>
<table><tr><th>table</th><th>rows in SQLite</th><th>in Postgres</th><th>in quarantine</th><th>result</th><th>SHA-256 of the rows</th></tr>
${report.tables.map(row)}</table>
${differing.length === 0 ? '' : html`<h2>What differs</h2>${differing.map(samples)}`}
<h2>Columns, keys, indexes, constraints, sequences, fences</h2>
${report.objects.length === 0 ? html`<p>${report.objectsCompared} compared: all as they have to be.</p>` : objects(report)}
</body>
</html>
`);
}

const row = ({ table, counts, differences, digests }: Table) => html`<tr>
<td><code>${table}</code></td><td>${counts?.sourceRows ?? ''}</td><td>${counts?.targetRows ?? ''}</td><td>${counts?.quarantined ?? ''}</td>
<td>${differences === 0 ? 'equal' : html`<span class="blocking">${differences} different</span>`}</td>
<td>${digest(digests)}</td></tr>`;

function digest(digests: Table['digests']) {
  if (digests === null) return 'changed while it was compared';
  if (digests.source === digests.target) return html`<code>${digests.source}</code>`;
  return html`SQLite <code>${digests.source}</code><br />Postgres <code>${digests.target}</code>`;
}

const samples = ({ table, differences, samples }: Table) => html`<h3>${table}</h3>
<table><tr><th>key</th><th>what</th><th>columns</th><th>written by</th></tr>
${samples.map(
  ({ key, kind, columns, rogue }) =>
    html`<tr><td><code>${key}</code></td><td>${KINDS[kind]}</td><td><code>${columns.join(', ')}</code></td><td>${rogue ? 'somebody else, in Postgres' : ''}</td></tr>`,
)}</table>
${differences > samples.length ? html`<p class="dim">and ${differences - samples.length} more</p>` : ''}`;

const KINDS = { missing: 'only in SQLite', extra: 'only in Postgres', different: 'different' } as const;

const objects = (report: VerifyDocument) => html`<table><tr><th>kind</th><th>table</th><th>name</th><th>problem</th><th>detail</th></tr>
${report.objects.map(
  ({ kind, table, name, problem, detail }) =>
    html`<tr><td>${kind}</td><td><code>${table}</code></td><td><code>${name}</code></td><td><span class="blocking">${problem}</span></td><td>${detail}</td></tr>`,
)}</table>`;
