/* The page itself, without any fact in it: those come with the panels, which are asked for again and again. */
import { readFileSync } from 'node:fs';
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

/** The page's own script, as it stands in the package. */
export const SCRIPT = readFileSync(new URL('./dashboard.js', import.meta.url), 'utf8');
