/* Who may look at the daemon's page and who may act, and what it says while there is nothing to show. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Line } from '../../../src/server/calls.ts';
import { webApp } from '../../../src/server/web/app.ts';
import { METRICS, metrics } from '../../../src/server/web/metrics.ts';
import { startWeb } from '../../../src/server/web/web.ts';
import { fake, STATUS, SWITCH } from '../fake.ts';

const token = 'a token of this test';
const bearer = { authorization: `Bearer ${token}` };
const working = () => ({ operations: fake({ status: async () => STATUS, switch: async () => SWITCH }), why: '' });
const opened = webApp(working(), { token, open: true });
const closed = webApp(working(), { token, open: false });
const CUTOVER = { method: 'POST', body: JSON.stringify({ operation: 'switch', direction: 'cutover', dryRun: false }) };
const FACTS = ['/panels', '/metrics'];

describe('who may look', () => {
  test.each(FACTS)('on this machine whoever is there sees %s', async path => {
    expect((await opened.request(path)).status).toBe(200);
  });

  test.each(['127.0.0.1:7432', 'localhost:80', '[::1]', '127.3.2.1'])('%s is a name of this machine', async host => {
    expect((await opened.request(`http://${host}/panels`)).status).toBe(200);
  });

  test.each(['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1'])(
    '%s is none, wherever it leads',
    async host => {
      for (const path of FACTS) {
        expect((await opened.request(`http://${host}${path}`)).status).toBe(403);
        expect((await opened.request(`http://${host}${path}`, { headers: bearer })).status).toBe(403);
      }
    },
  );

  test.each(FACTS)('elsewhere %s needs the token', async path => {
    expect((await closed.request(`http://db.internal${path}`)).status).toBe(401);
    expect((await closed.request(`http://db.internal${path}`, { headers: { authorization: 'Bearer another' } })).status).toBe(401);
    expect((await closed.request(`http://db.internal${path}`, { headers: bearer })).status).toBe(200);
  });

  test('the page itself holds no fact, and loads nothing from elsewhere', async () => {
    const page = await closed.request('/');
    expect(page.status).toBe(200);
    expect(await page.text()).not.toContain(STATUS.source);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
    for (const path of ['/dashboard.js', '/dashboard.css']) expect((await closed.request(path)).status).toBe(200);
  });
});

describe('who may act', () => {
  test('nobody without the token, not even on this machine', async () => {
    expect((await opened.request('/call', CUTOVER)).status).toBe(401);
    expect((await opened.request('/call', { ...CUTOVER, headers: { authorization: 'Bearer' } })).status).toBe(401);
  });

  test('with it, a call is carried out, and the log names the page', async () => {
    const asked: unknown[] = [];
    const operations = fake({ asked: async (what, _, by) => void asked.push([what, by]), switch: async () => SWITCH });
    const response = await webApp({ operations, why: '' }, { token, open: true }).request('/call', { ...CUTOVER, headers: bearer });
    expect(Line.parse(await response.json())).toEqual({ result: SWITCH });
    expect(asked).toEqual([['cutover', 'dashboard']]);
  });

  test.each([{ operation: 'finish' }, { operation: 'uninstall', keepTarget: true }, { operation: 'dashboard' }])(
    '%j is not for the page',
    async call => {
      const response = await opened.request('/call', { method: 'POST', headers: bearer, body: JSON.stringify(call) });
      expect(await response.json()).toMatchObject({ failure: { kind: 'refused', blockers: [{ code: 'not-here' }] } });
    },
  );

  test('a body without end is not read', async () => {
    const response = await opened.request('/call', { method: 'POST', headers: bearer, body: 'x'.repeat(100_000) });
    expect(response.status).toBe(413);
  });
});

test('while the daemon waits for a side, page, metrics and health say so [G7]', async () => {
  const app = webApp({ operations: undefined, why: 'Postgres does not answer <now>' }, { token, open: true });
  expect(await (await app.request('/panels')).text()).toContain('Postgres does not answer &lt;now&gt;');
  expect(await (await app.request('/metrics')).text()).toContain('\nattacca_up 0\n');
  const health = await app.request('/readyz');
  expect([health.status, await health.json()]).toEqual([503, { ok: false }]);
  const refused = await app.request('/call', { ...CUTOVER, headers: bearer });
  expect([refused.status, await refused.json()]).toMatchObject([503, { failure: { message: 'Postgres does not answer <now>' } }]);
  const gone = webApp(
    { operations: fake({ status: () => Promise.reject(new Error('the connection is lost')) }), why: '' },
    { token, open: true },
  );
  expect(await (await gone.request('/panels')).text()).toContain('the connection is lost');
  expect((await gone.request('/readyz')).status).toBe(503);
});

test('many who look at once cost one look, and the next one is anew', async () => {
  let looks = 0;
  const status = async () => {
    looks += 1;
    return await Promise.resolve(STATUS);
  };
  const app = webApp({ operations: fake({ status }), why: '' }, { token, open: true });
  const all = await Promise.all(['/panels', '/metrics', '/readyz', '/panels'].map(path => app.request(path)));
  expect([all.map(response => response.status), looks]).toEqual([[200, 200, 200, 200], 1]);
  await app.request('/panels');
  expect(looks).toBe(2);
});

test('health is good unless it has halted', async () => {
  expect((await closed.request('/readyz')).status).toBe(200);
  const operations = fake({ status: async () => ({ ...STATUS, halt: { reason: 'r', hint: 'h' } }) });
  expect((await webApp({ operations, why: '' }, { token, open: true }).request('/readyz')).status).toBe(503);
});

test('without a token in the configuration each start has one of its own', async () => {
  await using one = await startWeb({ host: '127.0.0.1', port: 0 });
  await using two = await startWeb({ host: '127.0.0.1', port: 0 });
  expect(one.entry).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#[\w-]{32}$/);
  expect(one.entry.split('#')[1]).not.toBe(two.entry.split('#')[1]);
  expect((await fetch(`${one.url}readyz`)).status).toBe(503);
});

test('looking needs no token on this machine alone, where none is configured; who answered answers no more once it has gone', async () => {
  const seen = async ({ url }: { readonly url: string }, headers = {}): Promise<number> =>
    (await fetch(`http://127.0.0.1:${new URL(url).port}/panels`, { headers })).status;
  await using open = await startWeb({ host: '127.0.0.1', port: 0 });
  await using configured = await startWeb({ host: '127.0.0.1', port: 0, token });
  await using everywhere = await startWeb({ host: '0.0.0.0', port: 0 });
  expect([await seen(open), await seen(configured), await seen(configured, bearer), await seen(everywhere)]).toEqual([200, 401, 200, 401]);
  const call = async (): Promise<number> => (await fetch(`${configured.url}call`, { ...CUTOVER, headers: bearer })).status;
  {
    using _attended = configured.attend(working().operations);
    expect(await call()).toBe(200);
  }
  expect(await call()).toBe(503);
});

test('a port that is taken is another one where none was asked for, and refused where one was', async () => {
  await using one = await startWeb({ host: '127.0.0.1' });
  await using two = await startWeb({ host: '127.0.0.1' });
  expect(two.url).not.toBe(one.url);
  const port = Number(new URL(one.url).port);
  await expect(startWeb({ host: '127.0.0.1', port })).rejects.toMatchObject({
    message: expect.stringContaining(`127.0.0.1:${port} (EADDRINUSE)`),
    hint: expect.stringMatching(/^another process listens there, as a daemon for this file that runs already would; set another/),
  });
});

test.each([
  ['nothing', ''],
  ['the half of its headers', 'GET /panels HTTP/1.1\r\nHost: 127'],
  [
    'the half of a call',
    `POST /call HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${'t'.repeat(16)}\r\nContent-Length: 99\r\n\r\n{`,
  ],
])('who has sent %s keeps no daemon from stopping', async (_, sent) => {
  const page = await startWeb({ host: '127.0.0.1', port: 0, token: 't'.repeat(16) });
  page.attend(fake());
  const socket = connect(Number(new URL(page.url).port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  await new Promise(resolve => socket.write(sent, resolve));
  expect((await fetch(`${page.url}healthz`)).status).toBe(200); // and so it has arrived
  const gone = once(socket.resume(), 'close');
  await page[Symbol.asyncDispose]();
  await gone;
});

describe('metrics', () => {
  /** What Prometheus reads: name, labels, value. */
  const read = (text: string) =>
    Object.fromEntries(
      text.split('\n').flatMap(line => {
        if (line === '' || line.startsWith('#')) return [];
        const [, name, value] = /^(\w+(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? [];
        expect(Number(value), line).not.toBeNaN();
        return [[name, Number(value)]];
      }),
    );

  test('a scrape holds lag, rows, queue and pause', async () => {
    const { text } = await metrics({
      ...STATUS,
      lag: { changes: '12', ms: 1_500 },
      applied: '900',
      journal: { waiting: 12, maxMarks: 1_000 },
      tables: [{ table: 'a "b"\\', rows: 5, total: 10, done: false }],
      verification: { fullAt: '2026-01-01T00:00:00.000Z', ok: false, upTo: '1', at: null },
      quarantine: 3,
      slot: { name: 's', active: true, walStatus: 'reserved', retainedBytes: '4096', alarm: 'too much' },
      lastPauseMs: { cutover: 12.5 },
    });
    expect(read(text)).toMatchObject({
      attacca_up: 1,
      'attacca_phase{phase="shadowing"}': 1,
      'attacca_phase{phase="mirroring"}': 0,
      'attacca_primary{side="sqlite"}': 1,
      attacca_lag_seconds: 1.5,
      attacca_lag_changes: 12,
      attacca_applied_changes_total: 900,
      attacca_journal_marks: 12,
      'attacca_table_copied_rows{table="a \\"b\\"\\\\"}': 5,
      'attacca_table_rows{table="a \\"b\\"\\\\"}': 10,
      attacca_verified_timestamp_seconds: Date.parse('2026-01-01') / 1_000,
      attacca_verified_equal: 0,
      attacca_quarantine_rows: 3,
      attacca_slot_retained_bytes: 4_096,
      attacca_slot_alarm: 1,
      'attacca_switch_pause_seconds{direction="cutover"}': 0.0125,
    });
  });

  test('what does not apply has no value', async () => {
    const { text } = await metrics({ ...STATUS, lag: null, journal: null, slot: null, tables: [] });
    for (const name of ['attacca_lag_seconds', 'attacca_slot_retained_bytes', 'attacca_switch_pause_seconds'])
      expect(
        Object.keys(read(text)).some(key => key.startsWith(name)),
        name,
      ).toBe(false);
  });

  test('deploy/watching.md names each, and no other', () => {
    const named = [...readFileSync('deploy/watching.md', 'utf8').matchAll(/`(attacca_\w+)(?:\{\w+\})?`/g)].map(([, name]) => name);
    expect(new Set(named)).toEqual(new Set(['attacca_up', ...METRICS.map(({ name }) => name)]));
  });
});
