/* The page in a browser without a window: its own script, against the daemon's own answers. */
import { Window } from 'happy-dom';
import { expect, test, vi } from 'vitest';
import type { StatusDocument } from '../../../src/server/documents.ts';
import type { Operations } from '../../../src/server/operations.ts';
import { webApp } from '../../../src/server/web/app.ts';
import { actionsIn } from '../../../src/server/web/panels.ts';
import { fake, STATUS, SWITCH, VERIFY } from '../fake.ts';

const TOKEN = 'a token of this test';
const SAID: StatusDocument = {
  ...STATUS,
  lag: { changes: '12', ms: 34 },
  tables: [
    { table: 'orders', rows: 5, total: 10, done: false },
    { table: '<b>', rows: 7, total: 7, done: true },
  ],
  verification: { fullAt: '2026-01-01T00:00:00.000Z', ok: false, upTo: '1', at: null },
  quarantine: 3,
  misfits: [{ table: 'orders', column: 'at', rows: 3, reason: 'not a date', proposal: 'text' }],
  suspended: [{ table: 'log', reason: 'too many' }],
  slot: { name: 'attacca_x', active: true, walStatus: 'reserved', retainedBytes: '4096', alarm: 'it keeps too much' },
  timeline: [{ at: 'then', event: 'shadowing', by: 'me@here' }],
};

/** Waits for a fact. */
const seen = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 60_000 });

/** The page under `url`, in front of these operations. */
async function browse(operations: Partial<Operations>, { hash = '', open = true, host = '127.0.0.1:7432' } = {}) {
  const app = webApp({ operations: fake(operations), why: '' }, { token: TOKEN, open });
  const window = new Window({
    url: `http://${host}/${hash}`,
    settings: { enableJavaScriptEvaluation: true, suppressInsecureJavaScriptEnvironmentWarning: true },
  });
  const get = async (path: string): Promise<string> => (await app.request(path)).text();
  const patience = new AbortController();
  const asked: string[] = [];
  window.document.write((await get('/')).replace(/<link[^>]*>|<script[^>]*><\/script>/g, ''));
  Object.assign(window, {
    fetch: (path: string, init?: RequestInit) =>
      new Promise((resolve, reject) => {
        init?.signal?.addEventListener('abort', reject);
        Promise.resolve(app.request(`http://${host}${path}`, init)).then(resolve, reject);
      }),
    AbortSignal: { timeout: () => patience.signal },
    confirm: (text: string) => asked.push(text) > 0,
    TextDecoderStream,
  });
  window.eval(await get('/dashboard.js'));
  const text = (selector: string): string => window.document.querySelector(selector)?.textContent?.replaceAll(/\s+/g, ' ').trim() ?? '';
  return {
    window,
    text,
    asked,
    patience,
    click(label: string): void {
      const button = [...window.document.querySelectorAll('button')].find(({ textContent }) => textContent === label);
      if (button === undefined) throw new Error(`no button ${label}`);
      button.click();
    },
    [Symbol.asyncDispose]: () => window.happyDOM.close(),
  };
}

test('each panel shows its facts, as text', async () => {
  await using page = await browse({ status: async () => SAID });
  await seen(() => expect(page.text('#head')).toContain('shadowing'));
  expect(page.text('#head')).toContain('12 changes, 34 ms');
  expect(page.text('#tables')).toContain('orders5 of 10 rows');
  expect(page.window.document.querySelector('#tables progress')?.getAttribute('value')).toBe('5');
  expect(page.text('#tables')).toContain('<b>copied7 of 7 rows');
  expect(page.text('#verification')).toContain('DIFFERENT at 2026-01-01');
  expect(page.text('#quarantine')).toContain('orders.at3not a datetext');
  expect(page.text('#quarantine')).toContain('log is left alone: too many');
  expect(page.text('#slot')).toContain('it keeps too much');
  expect(page.text('#timeline')).toContain('shadowingme@here');
  expect(page.window.document.title).toBe('attacca: shadowing');
});

test('a panel that has not changed stays the same element, and with it the button under the pointer', async () => {
  let lag = 1;
  await using page = await browse({ status: async () => ({ ...SAID, lag: { changes: '0', ms: lag++ } }) });
  await seen(() => expect(page.text('#head')).toContain('1 ms'));
  const before = page.window.document.querySelector('#actions');
  await seen(() => expect(page.text('#head')).toContain('3 ms'));
  expect(page.window.document.querySelector('#actions')).toBe(before);
  expect(page.window.document.querySelector('#lags polyline')?.getAttribute('points')?.split(' ').length).toBeGreaterThanOrEqual(3);
});

test('a cutover by one click: asked first, told what is done, and what came of it', async () => {
  const operations = {
    status: async () => STATUS,
    switch: async (_direction: string, _options: unknown, say: (line: string) => void) => {
      say('draining');
      return { ...SWITCH, primary: 'postgres' as const, pauseMs: 12.5, dryRun: false };
    },
  };
  await using page = await browse(operations, { hash: `#${encodeURIComponent(TOKEN)}` });
  expect(page.window.location.hash).toBe('');
  await seen(() => expect(page.text('#actions')).toContain('Cut over'));
  page.click('Cut over');
  await seen(() => expect(page.text('#said')).toBe('Primary is now postgres; writers were held for 12.5 ms.'));
  expect(page.asked).toEqual([expect.stringContaining('Make PostgreSQL primary?')]);
});

test('two clicks at once are told apart, how far one is as one line, and what has ended goes with the next click', async () => {
  const { promise, resolve } = Promise.withResolvers<typeof VERIFY>();
  const verify = async (_options: unknown, say: (line: string) => void) => {
    say('1 of 3 rows');
    say('2 of 3 rows');
    return await promise;
  };
  await using page = await browse(
    { status: async () => STATUS, verify, switch: async () => SWITCH },
    { hash: `#${encodeURIComponent(TOKEN)}` },
  );
  const said = () => [...page.window.document.querySelectorAll('#said > div')].map(({ textContent }) => textContent);
  await seen(() => expect(page.text('#actions')).toContain('Verify'));
  page.click('Verify every row');
  await seen(() => expect(said()).toEqual(['2 of 3 rows']));
  page.click('What stands in the way of a cutover?');
  await seen(() => expect(said()).toEqual(['2 of 3 rows', 'Nothing stands in the way.']));
  page.click('What stands in the way of a cutover?');
  await seen(() => expect(said()).toEqual(['2 of 3 rows', 'Nothing stands in the way.']));
  resolve(VERIFY);
  await seen(() => expect(said()).toEqual(['Equal: 1 rows.', 'Nothing stands in the way.']));
});

test('what stands in the way is told with its remedy', async () => {
  const blockers = [{ code: 'lag', reason: 'it is behind', remedy: 'wait' }];
  await using page = await browse(
    { status: async () => STATUS, switch: async () => ({ ...SWITCH, dryRun: true, ok: false, blockers }) },
    { hash: `#${encodeURIComponent(TOKEN)}` },
  );
  await seen(() => expect(page.text('#actions')).toContain('What stands'));
  page.click('What stands in the way of a cutover?');
  await seen(() => expect(page.text('#said')).toBe('lag: it is behind → wait'));
  expect(page.asked).toEqual([]);
});

test('without the token the page asks for it', async () => {
  await using page = await browse({ status: async () => STATUS }, { open: false });
  const form = page.window.document.querySelector('#enter') as unknown as { hidden: boolean };
  await seen(() => expect(form.hidden).toBe(false));
  expect(page.text('#panels')).toBe('');
  (page.window.document.querySelector('#token') as unknown as { value: string }).value = TOKEN;
  page.click('Go on');
  await seen(() => expect(page.text('#head')).toContain('shadowing'));
  expect(form.hidden).toBe(true);
});

test('what a daemon said that does not answer any more is not shown as if it were so now [G7]', async () => {
  let asked = 0;
  await using page = await browse({ status: async () => (asked++ === 0 ? SAID : await new Promise(() => undefined)) });
  await seen(() => expect(asked).toBe(2));
  expect(page.text('#head')).toContain('shadowing');
  page.patience.abort();
  await seen(() => expect(page.text('#panels')).toBe('The daemon does not answer.'));
  expect(page.text('#most')).toBe('34');
  expect(page.window.document.querySelector('#lags polyline')?.getAttribute('points')).toBe('0,2');
});

test('an answer that is no page is shown as what it is', async () => {
  await using page = await browse({ status: async () => SAID }, { host: 'evil.example' });
  await seen(() => expect(page.text('#panels')).toBe('this page is served to this machine alone'));
});

test.each(['hash', 'form'])('the address that `attacca dashboard` tells is taken where the page stands already (%s)', async way => {
  const asked = vi.fn(async () => SWITCH);
  await using page = await browse({ status: async () => STATUS, switch: asked }, { hash: '#%zz' });
  await seen(() => expect(page.text('#actions')).toContain('Cut over'));
  const entry = `#${encodeURIComponent(TOKEN)}`;
  if (way === 'hash') page.window.location.hash = entry;
  else {
    (page.window.document.querySelector('#token') as unknown as { value: string }).value = ` http://127.0.0.1:7432/${entry}\n`;
    page.click('Go on');
  }
  await seen(() => expect(page.window.location.hash).toBe(''));
  page.click('Cut over');
  await seen(() => expect(asked).toHaveBeenCalled());
});

test.each([
  ['copying', ['throttle']],
  ['shadowing', ['verify', 'switch', 'switch']],
  ['fencing', []],
  ['switching', []],
  ['mirroring', ['verify', 'switch', 'switch']],
  ['finished', []],
] as const)('while %s the page offers %j', (phase, operations) => {
  expect(actionsIn({ ...STATUS, phase, scheduled: null }).map(({ call }) => call.operation)).toEqual(operations);
});

test('what waits for a person has its button', () => {
  const scheduled = { at: 'then', by: 'me', approval: { askedAt: '2026-01-02T03:00:00Z', approvedBy: null } };
  const offered = actionsIn({ ...STATUS, quarantine: 1, scheduled }).map(({ call }) => call.operation);
  expect(offered).toEqual(['verify', 'switch', 'switch', 'approve', 'schedule', 'quarantine']);
});
