/*
 * What the page shows: one panel for each thing that `status` says, with the buttons that make sense in this phase. Every button carries the
 * call that it makes.
 */
import { html } from 'hono/html';
import { isSwitching, type Phase } from '../../cutover/phase.ts';
import type { Call } from '../calls.ts';
import type { StatusDocument } from '../documents.ts';

type Panel = ReturnType<typeof html>;

/** Sections with ids, which the page's script takes over one by one. */
export const panels = (status: StatusDocument): string =>
  [
    ...(status.halt === null ? [] : [halted(status.halt)]),
    head(status),
    actions(status),
    verification(status),
    quarantine(status),
    ...(status.slot === null ? [] : [slot(status.slot)]),
    tables(status),
    timeline(status),
  ].join('\n');

/** While there is no status to be had. */
export const away = (why: string): string =>
  String(html`<section id="halt"><p class="blocking">The daemon is up, but not at work: ${why}</p></section>`);

const PATH = ['copying', 'shadowing', 'mirroring', 'finished'] as const;

function head({ phase, primary, epoch, lag, journal, source, target, daemon, scheduled, throttle }: StatusDocument): Panel {
  const steps = PATH.map(step => (step === phase ? html`<strong>${step}</strong>` : html`<span class="dim">${step}</span>`));
  const between = PATH.some(step => step === phase) ? '' : html` <strong>${phase}</strong>`;
  return html`<section id="head" data-phase="${phase}" data-lag="${lag?.ms ?? ''}">
<p class="path">${steps.flatMap((step, index) => (index === 0 ? [step] : [html` → `, step]))}${between}</p>
<table>
<tr><th>primary</th><td>${primary ?? 'neither: a switch is under way'}, epoch ${epoch}</td></tr>
<tr><th>lag</th><td>${lagText(lag)}</td></tr>
${throttle?.paused === true ? html`<tr><th>first copy</th><td><strong>paused</strong></td></tr>` : ''}
${journal === null ? '' : html`<tr><th>journal</th><td>${journal.waiting} marks wait of at most ${journal.maxMarks}</td></tr>`}
<tr><th>source</th><td><code>${source}</code></td></tr>
<tr><th>target</th><td><code>${target}</code></td></tr>
<tr><th>daemon</th><td>${daemon === null ? 'none answers here' : `pid ${daemon.pid}, since ${daemon.since}`}</td></tr>
${scheduled === null ? '' : html`<tr><th>scheduled</th><td>${scheduledText(scheduled)}</td></tr>`}
</table></section>`;
}

const lagText = (lag: StatusDocument['lag']): string =>
  [lag?.changes == null ? '' : `${lag.changes} changes`, lag?.ms == null ? '' : `${lag.ms} ms`].filter(part => part !== '').join(', ') ||
  'unknown';

function scheduledText({ at, by, approval }: NonNullable<StatusDocument['scheduled']>): string {
  const waits = approval != null && approval.approvedBy === null ? ', waits for an approval' : '';
  return `a cutover, not before ${at}, asked for by ${by}${waits}`;
}

type Action = { readonly label: string; readonly call: Call; readonly sure?: string };

function actions(status: StatusDocument): Panel {
  return html`<section id="actions">${actionsIn(status).map(
    ({ label, call, sure }) => html`<button data-call="${JSON.stringify(call)}" data-sure="${sure ?? ''}">${label}</button> `,
  )}</section>`;
}

/** What can be asked for now. */
export function actionsIn({ phase, scheduled, quarantine, throttle }: StatusDocument): readonly Action[] {
  if (isSwitching(phase as Phase) || phase === 'finished') return [];
  const found: Action[] = [];
  if (phase === 'copying') {
    const paused = throttle?.paused !== true;
    found.push({ label: paused ? 'Pause the copy' : 'Go on copying', call: { operation: 'throttle', paused } });
  }
  if (phase === 'shadowing' || phase === 'mirroring') {
    const direction = phase === 'shadowing' ? 'cutover' : 'rollback';
    const side = phase === 'shadowing' ? 'PostgreSQL' : 'SQLite';
    found.push(
      { label: 'Verify every row', call: { operation: 'verify', tables: [], repair: false } },
      { label: `What stands in the way of a ${direction}?`, call: { operation: 'switch', direction, dryRun: true } },
      {
        label: direction === 'cutover' ? 'Cut over' : 'Roll back',
        call: { operation: 'switch', direction, dryRun: false },
        sure: `Make ${side} primary? Writers wait for a moment; the ${direction === 'cutover' ? 'way back stays open' : 'other side follows again'}.`,
      },
    );
  }
  if (scheduled?.approval?.approvedBy === null)
    found.push({
      label: 'Approve the cutover',
      call: { operation: 'approve', askedAt: scheduled.approval.askedAt },
      sure: `Approve the cutover that ${scheduled.by} asked for? It begins not before ${scheduled.at}.`,
    });
  if (scheduled !== null) found.push({ label: 'Call the cutover off', call: { operation: 'schedule', at: null } });
  if (quarantine > 0) found.push({ label: 'Try the quarantine again', call: { operation: 'quarantine', action: 'retry', ids: [] } });
  return found;
}

const halted = ({ reason, hint }: NonNullable<StatusDocument['halt']>): Panel =>
  html`<section id="halt"><p class="blocking"><strong>Halted:</strong> ${reason}</p><p>${hint}</p></section>`;

const tables = ({ tables }: StatusDocument): Panel => html`<section id="tables"><h2>Tables</h2>
<table><tr><th>table</th><th>first copy</th><th></th></tr>
${tables.map(
  ({ table, rows, total, done }) =>
    html`<tr><td><code>${table}</code></td><td>${done ? 'copied' : html`<progress value="${rows}" max="${Math.max(total, 1)}"></progress>`}</td><td>${rows} of ${total} rows</td></tr>`,
)}</table></section>`;

function verification({ verification: { fullAt, ok, at } }: StatusDocument): Panel {
  const full =
    fullAt === null ? 'never in full' : html`${ok === true ? 'equal' : html`<strong class="blocking">DIFFERENT</strong>`} at ${fullAt}`;
  return html`<section id="verification"><h2>Verification</h2>
<table><tr><th>every row</th><td>${full}</td></tr><tr><th>what changed since</th><td>${at === null ? 'not yet' : `compared at ${at}`}</td></tr></table></section>`;
}

const quarantine = ({ quarantine, misfits = [], suspended }: StatusDocument): Panel => html`<section id="quarantine"><h2>Quarantine</h2>
<p class="${quarantine > 0 ? 'blocking' : ''}">${quarantine} rows</p>
${misfits.length === 0 ? '' : html`<table><tr><th>column</th><th>rows</th><th>reason</th><th>widen to</th></tr>${misfits.map(misfit)}</table>`}
${suspended.map(({ table, reason }) => html`<p class="blocking">Table <code>${table}</code> is left alone: ${reason}</p>`)}</section>`;

const misfit = ({ table, column, rows, reason, proposal }: NonNullable<StatusDocument['misfits']>[number]): Panel =>
  html`<tr><td><code>${column === '' ? table : `${table}.${column}`}</code></td><td>${rows}</td><td>${reason}</td><td>${proposal ?? ''}</td></tr>`;

const slot = ({
  name,
  active,
  walStatus,
  retainedBytes,
  alarm,
}: NonNullable<StatusDocument['slot']>): Panel => html`<section id="slot"><h2>Mirror</h2>
<table><tr><th>slot</th><td><code>${name}</code>, ${active ? 'active' : 'not read'}, ${walStatus ?? 'not there'}</td></tr><tr><th>keeps</th><td>${retainedBytes} bytes of WAL</td></tr></table>
${alarm == null ? '' : html`<p class="blocking">${alarm}</p>`}</section>`;

const timeline = ({ timeline }: StatusDocument): Panel => html`<section id="timeline"><h2>Timeline</h2>
<table>${timeline.toReversed().map(({ at, event, by }) => html`<tr><td>${at}</td><td>${event}</td><td>${by}</td></tr>`)}</table></section>`;
