/*
 * What the page does: it asks for the panels every second, and makes the calls that its buttons carry.
 *
 * (1) The token comes in the address behind `#`, which no browser sends, and goes out in a header, which no other site's page can set.
 * (2) A panel is replaced only where it has changed: a button must not go away under the pointer.
 * (3) It runs in the browser as it stands here; nothing is built from it.
 */

/** @param {string} id */
function by(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

/**
 * The token, alone or in the address that `attacca dashboard` tells.
 * @param {string} text
 */
function keep(text) {
  try {
    sessionStorage.setItem('token', decodeURIComponent(text.trim().replace(/.*#/, '')));
  } catch {} // it is none
}

/** Also where that address is opened in the tab in which the page stands: then nothing is loaded anew. */
function arrive() {
  if (location.hash.length < 2) return;
  keep(location.hash);
  history.replaceState(null, '', location.pathname);
  entered(true);
}

/** @returns {Record<string, string>} */
function headers() {
  const token = sessionStorage.getItem('token');
  return token ? { authorization: `Bearer ${token}` } : {};
}

/** @param {boolean} ok */
function entered(ok) {
  by('enter').hidden = ok;
}

addEventListener('hashchange', arrive);
by('enter').addEventListener('submit', event => {
  event.preventDefault();
  const token = /** @type {HTMLInputElement} */ (by('token'));
  keep(token.value);
  token.value = '';
  entered(true);
  void refresh();
});
arrive();

/** In ms, of the last five minutes. */
const LAGS = 300;
/** @type {(number | undefined)[]} */
const lags = [];

/** @param {string} text */
function show(text) {
  const fresh = document.createElement('template');
  fresh.innerHTML = text;
  const panels = by('panels');
  const sections = [...fresh.content.children];
  const there = [...panels.children];
  if (sections.map(({ id }) => id).join() !== there.map(({ id }) => id).join()) panels.replaceChildren(...sections);
  else
    sections.forEach((section, index) => {
      if (section.outerHTML !== there[index]?.outerHTML) there[index]?.replaceWith(section);
    });
  const { phase, lag } = document.getElementById('head')?.dataset ?? {};
  document.title = phase ? `attacca: ${phase}` : 'attacca';
  draw(lag ? Number(lag) : undefined);
}

/** @param {number | undefined} lag */
function draw(lag) {
  lags.push(lag);
  if (lags.length > LAGS) lags.shift();
  const most = Math.max(0, ...lags.filter(ms => ms !== undefined));
  by('most').textContent = String(most);
  const points = lags.flatMap((ms, x) => (ms === undefined ? [] : [`${x},${40 - (38 * ms) / Math.max(most, 1)}`]));
  document.querySelector('#lags polyline')?.setAttribute('points', points.join(' '));
}

/** @param {string} why */
function trouble(why) {
  show('<section id="halt"><p class="blocking"></p></section>');
  for (const line of document.querySelectorAll('#halt p')) line.textContent = why;
}

/** What is older than that is not shown as if it were so now. */
const PATIENCE_MS = 10_000;
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

/** @typedef {{ code: string, reason: string, remedy: string }} Blocker */
/**
 * @typedef {{ ok?: boolean, dryRun?: boolean, blockers?: Blocker[], direction?: string, primary?: string, pauseMs?: number, rows?: number,
 *   differences?: number, objects?: unknown[], paused?: boolean, detail?: string, changed?: number }} Result
 */
/** @typedef {{ progress?: string, result?: Result, failure?: { message: string, hint: string, blockers: Blocker[] } }} Line */

/**
 * @param {Result} result
 * @returns {string[]}
 */
function told(result) {
  if (result.blockers && result.blockers.length > 0) return result.blockers.map(blocker);
  if (result.dryRun) return ['Nothing stands in the way.'];
  if (result.direction) return [`Primary is now ${result.primary}; writers were held for ${result.pauseMs} ms.`];
  if (result.differences !== undefined)
    return [result.ok ? `Equal: ${result.rows} rows.` : `DIFFERENT: ${result.differences} rows, ${result.objects?.length} objects.`];
  if (result.paused !== undefined) return [result.paused ? 'Paused.' : 'Copying.'];
  return [result.detail ?? `${result.changed} rows`];
}

/** @param {Blocker} blocker */
const blocker = ({ code, reason, remedy }) => `${code}: ${reason} → ${remedy}`;

/**
 * @param {Line} line
 * @returns {string[]}
 */
function lines({ progress, result = {}, failure }) {
  if (progress !== undefined) return [progress];
  return failure === undefined
    ? told(result)
    : [failure.message, failure.hint, ...failure.blockers.map(blocker)].filter(text => text !== '');
}

/**
 * Each call has a place of its own below the buttons, in which the newest line replaces the one before; the next call takes away what has
 * ended.
 * @param {string} call
 */
async function ask(call) {
  for (const ended of document.querySelectorAll('#said > .ended')) ended.remove();
  const said = by('said').appendChild(document.createElement('div'));
  try {
    await follow(call, said);
  } catch {
    said.textContent = 'The daemon went away before it answered.';
  }
  said.className = 'ended';
  void refresh();
}

/**
 * @param {string} call
 * @param {HTMLElement} said
 */
async function follow(call, said) {
  const answer = await fetch('/call', { method: 'POST', headers: { ...headers(), 'content-type': 'application/json' }, body: call });
  if (answer.status === 401) {
    said.remove();
    entered(false);
    return;
  }
  /** @type {Line | undefined} */
  let last;
  for await (const line of wholeLines(answer)) {
    last = JSON.parse(line);
    said.textContent = lines(last ?? {}).join('\n');
  }
  if (last === undefined || last.progress !== undefined) throw new Error('it has not come to an end');
}

/**
 * What a dying daemon left unfinished says nothing.
 * @param {Response} answer
 */
async function* wholeLines(answer) {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value = '', done = true } = (await reader?.read()) ?? {};
    const whole = (rest + value).split('\n');
    rest = whole.pop() ?? '';
    yield* whole;
    if (done) return;
  }
}

document.addEventListener('click', ({ target }) => {
  const { call, sure } = target instanceof HTMLElement ? target.dataset : {};
  if (call !== undefined && (!sure || confirm(sure))) void ask(call);
});

void refresh();
setInterval(refresh, 1000);
