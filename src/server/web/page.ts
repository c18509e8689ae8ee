/* The page itself, without any fact in it: those come with the panels, which are asked for again and again. */
import { html } from 'hono/html';
import { PAGE_STYLE } from './page-style.ts';

export const PAGE = String(html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8" /><meta name="viewport" content="width=device-width" /><title>attacca</title>
<link rel="stylesheet" href="/dashboard.css" /><link rel="icon" href="data:," /><script src="/dashboard.js" defer></script></head>
<body>
<h1>attacca</h1>
<form id="enter" hidden><p>This needs the token: <code>attacca dashboard</code> tells it.</p><input id="token" type="password" autocomplete="off" /> <button>Go on</button></form>
<main id="panels" role="status"></main>
<figure><svg id="lags" viewBox="0 0 300 40" preserveAspectRatio="none" aria-hidden="true"><polyline points="" vector-effect="non-scaling-stroke" /></svg><figcaption class="dim">Lag, the last five minutes: <span id="most">0</span> ms at most</figcaption></figure>
<pre id="said" role="log"></pre>
</body>
</html>
`);

/** What an action answers and the lag stand below the buttons, among the panels. */
export const STYLE = `${PAGE_STYLE}
body { display: flex; flex-direction: column } main { display: contents }
#halt { order: 1 } #head { order: 2 } #actions { order: 3 } #said { order: 4 } figure { order: 5 } main > section { order: 6 }
.path { font-size: 1.2em } #actions { margin: 1rem 0 } button { font: inherit; padding: .3rem .8rem } figure { margin: 0 }
#lags { width: 100%; height: 4rem; border-bottom: 1px solid var(--line) } #lags polyline { fill: none; stroke: var(--dim) }
#said { white-space: pre-wrap; margin: 0 0 1rem; padding: .6rem .8rem; border: 1px solid var(--line) } #said:empty { display: none }
h2 { margin-bottom: 0 } th { width: 12rem } #tables th { width: auto }`;

/**
 * The token comes in the address behind `#`, which no browser sends, and goes out in a header, which no other site's page can set. A panel is
 * replaced only where it has changed: a button must not go away under the pointer.
 */
export const SCRIPT = `
const by = id => document.getElementById(id);
/** The token, alone or in the address that attacca dashboard tells. */
const keep = text => {
  try {
    sessionStorage.setItem('token', decodeURIComponent(text.trim().replace(/.*#/, '')));
  } catch {} // it is none
};
/** Also where that address is opened in the tab in which the page stands: then nothing is loaded anew. */
const arrive = () => {
  if (location.hash.length < 2) return;
  keep(location.hash);
  history.replaceState(null, '', location.pathname);
  entered(true);
};
addEventListener('hashchange', arrive);
const headers = () => {
  const token = sessionStorage.getItem('token');
  return token ? { authorization: 'Bearer ' + token } : {};
};
const entered = ok => { by('enter').hidden = ok; };
by('enter').addEventListener('submit', event => {
  event.preventDefault();
  keep(by('token').value);
  by('token').value = '';
  entered(true);
  refresh();
});
arrive();

const lags = [];
function show(text) {
  const fresh = document.createElement('template');
  fresh.innerHTML = text;
  const sections = [...fresh.content.children];
  const there = [...by('panels').children];
  if (sections.map(({ id }) => id).join() !== there.map(({ id }) => id).join()) by('panels').replaceChildren(...sections);
  else sections.forEach((section, index) => { if (section.outerHTML !== there[index].outerHTML) there[index].replaceWith(section); });
  const { phase, lag } = by('head')?.dataset ?? {};
  document.title = phase ? 'attacca: ' + phase : 'attacca';
  lags.push(lag ? Number(lag) : undefined);
  if (lags.length > 300) lags.shift();
  const most = Math.max(0, ...lags.filter(ms => ms !== undefined));
  by('most').textContent = most;
  const points = lags.flatMap((ms, x) => (ms === undefined ? [] : [x + ',' + (40 - 38 * ms / Math.max(most, 1))]));
  document.querySelector('#lags polyline').setAttribute('points', points.join(' '));
}

const trouble = why => {
  show('<section id="halt"><p class="blocking"></p></section>');
  document.querySelector('#halt p').textContent = why;
};

/** What is older than that is not shown as if it were so now. */
const PATIENCE_MS = 10000;
let asking = false;
async function refresh() {
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch('/panels', { headers: headers(), signal: AbortSignal.timeout(PATIENCE_MS) });
    const text = await answer.text();
    if (answer.status === 401) entered(false);
    if (answer.ok || answer.status === 401) show(answer.ok ? text : '');
    else trouble(text);
  } catch {
    trouble('The daemon does not answer.');
  } finally {
    asking = false;
  }
}

const told = result => {
  if (result.blockers?.length > 0) return result.blockers.map(blocker);
  if (result.dryRun) return ['Nothing stands in the way.'];
  if (result.direction) return ['Primary is now ' + result.primary + '; writers were held for ' + result.pauseMs + ' ms.'];
  if (result.differences !== undefined) return [result.ok ? 'Equal: ' + result.rows + ' rows.' : 'DIFFERENT: ' + result.differences + ' rows, ' + result.objects.length + ' objects.'];
  if (result.paused !== undefined) return [result.paused ? 'Paused.' : 'Copying.'];
  return [result.detail ?? result.changed + ' rows'];
};
const blocker = ({ code, reason, remedy }) => code + ': ' + reason + ' → ' + remedy;
const lines = ({ progress, result, failure }) =>
  progress !== undefined ? [progress] : failure ? [failure.message, failure.hint, ...failure.blockers.map(blocker)].filter(Boolean) : told(result);

/** Each call has a place of its own below the buttons, in which the newest line replaces the one before; the next call takes away what has ended. */
async function ask(call) {
  for (const ended of document.querySelectorAll('#said > .ended')) ended.remove();
  const said = by('said').appendChild(document.createElement('div'));
  try {
    await follow(call, said);
  } catch {
    said.textContent = 'The daemon went away before it answered.';
  }
  said.className = 'ended';
  refresh();
}
async function follow(call, said) {
  const answer = await fetch('/call', { method: 'POST', headers: { ...headers(), 'content-type': 'application/json' }, body: call });
  if (answer.status === 401) {
    said.remove();
    return entered(false);
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let last;
  for (;;) {
    const { value = '', done } = await reader.read();
    const whole = (rest + value).split('\\n');
    rest = whole.pop();
    for (const line of whole) said.textContent = lines((last = JSON.parse(line))).join('\\n');
    if (!done) continue;
    if (last === undefined || last.progress !== undefined) throw new Error();
    return;
  }
}
document.addEventListener('click', ({ target }) => {
  const { call, sure } = target.dataset ?? {};
  if (call !== undefined && (!sure || confirm(sure))) ask(call);
});

refresh();
setInterval(refresh, 1000);
`;
