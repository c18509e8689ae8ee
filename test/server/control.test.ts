/* The control socket: what a command asks arrives as it was asked, and what the daemon says arrives as it was said [G7]. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Refused, ReplicationError, UsageError } from '../../src/change/errors.ts';
import { callDaemon } from '../../src/server/call.ts';
import { type Call, controlApp, Line, listen } from '../../src/server/control.ts';
import { DoneDocument, QuarantineDocument, StatusDocument, SwitchDocument, VerifyDocument } from '../../src/server/documents.ts';
import type { Operations } from '../../src/server/operations.ts';
import { privateFolder, socketPath, stateFolder } from '../../src/server/socket.ts';

vi.mock('node:os', async actual => {
  const os = await actual<typeof import('node:os')>();
  return { ...os, userInfo: vi.fn(os.userInfo) };
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'attacca-control-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const at = () => join(folder, 'state', 'control.sock');
const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const ignore = (): void => undefined;
const never = () => Promise.reject(new Error('not what was asked for'));

/** Larger than a double can hold, so that a number anywhere on the way would show. */
const HUGE = '9007199254740993';
const STATUS: StatusDocument = {
  phase: 'shadowing',
  primary: 'sqlite',
  epoch: HUGE,
  daemon: { pid: 7, since: '2026-01-01T00:00:00.000Z' },
  source: '/srv/app.db',
  target: 'postgresql://db.internal/app',
  lag: { changes: '0', ms: null },
  tables: [{ table: 'order', rows: 1, total: 1, done: true }],
  verification: { fullAt: null, ok: null, upTo: HUGE, at: null },
  quarantine: 0,
  slot: { name: 'attacca', active: false, walStatus: null, retainedBytes: '0' },
  halt: null,
  timeline: [{ at: '2026-01-01T00:00:00.000Z', event: 'installed', by: 'attacca' }],
};
const VERIFY: VerifyDocument = {
  ok: true,
  kind: 'tables',
  position: HUGE,
  durationMs: 1.5,
  rows: 1,
  differences: 0,
  repaired: 0,
  quarantined: 0,
  tables: [{ table: 'order', compared: 1, counts: null, differences: 0, samples: [] }],
};
const SWITCH: SwitchDocument = {
  direction: 'cutover',
  dryRun: true,
  ok: false,
  blockers: [],
  primary: 'sqlite',
  epoch: '0',
  pauseMs: null,
};
const QUARANTINE: QuarantineDocument = {
  rows: [{ id: '1', table: 'order', key: '["i1"]', column: 'at', reason: 'not a date', at: 'now' }],
  changed: 0,
};
const DONE: DoneDocument = { done: 'finish', detail: 'the fence stays' };

function fake(some: Partial<Operations> = {}): Operations {
  return { status: never, verify: never, switch: never, quarantine: never, finish: never, uninstall: never, ...some };
}

async function post(operations: Operations, body: unknown): Promise<{ status: number; lines: Line[] }> {
  const response = await controlApp(operations).request('/call', { method: 'POST', body: JSON.stringify(body) });
  const text = await response.text();
  expect(text).toMatch(/\n$/);
  const lines = text.trimEnd().split('\n');
  return { status: response.status, lines: lines.map(line => Line.parse(JSON.parse(line))) };
}

const CALLS: [Call, keyof Operations, unknown[], { parse(document: unknown): unknown }, unknown][] = [
  [{ operation: 'status' }, 'status', [], StatusDocument, STATUS],
  [{ operation: 'verify', tables: ['order'], repair: true }, 'verify', [{ tables: ['order'], repair: true }], VerifyDocument, VERIFY],
  [
    { operation: 'switch', direction: 'cutover', dryRun: true },
    'switch',
    ['cutover', { dryRun: true, maxPauseMs: undefined }],
    SwitchDocument,
    SWITCH,
  ],
  [
    { operation: 'switch', direction: 'rollback', dryRun: false, maxPauseMs: 500 },
    'switch',
    ['rollback', { dryRun: false, maxPauseMs: 500 }],
    SwitchDocument,
    { ...SWITCH, direction: 'rollback' },
  ],
  [{ operation: 'quarantine', action: 'drop', ids: [HUGE] }, 'quarantine', ['drop', [HUGE]], QuarantineDocument, QUARANTINE],
  [{ operation: 'finish' }, 'finish', [], DoneDocument, DONE],
  [{ operation: 'uninstall', keepTarget: true }, 'uninstall', [{ keepTarget: true }], DoneDocument, DONE],
];
const TELLING = ['verify', 'switch', 'finish', 'uninstall'];

describe('a call', () => {
  test.each(CALLS)('%j is carried out: progress first, then one result', async (call, operation, given, schema, answer) => {
    const asked: unknown[] = [];
    const told = TELLING.includes(operation);
    const work = async (...args: unknown[]): Promise<unknown> => {
      const say = told ? (args.pop() as (line: string) => void) : ignore;
      asked.push(args);
      say('first');
      await Promise.resolve();
      say('second');
      return answer;
    };
    const { status, lines } = await post(fake({ [operation]: work }), call);
    expect(status).toBe(200);
    expect(asked).toMatchObject([given.map(one => (typeof one === 'object' ? JSON.parse(JSON.stringify(one)) : one))]);
    expect(lines).toEqual([...(told ? [{ progress: 'first' }, { progress: 'second' }] : []), { result: answer }]);
    expect(schema.parse(answer)).toEqual(answer);
  });

  test('an answer that cannot be written down is a failure, not silence', async () => {
    const { lines } = await post(fake({ status: async () => ({ ...STATUS, epoch: 1n }) as unknown as StatusDocument }), {
      operation: 'status',
    });
    expect(lines).toMatchObject([{ failure: { kind: 'unexpected', message: expect.stringContaining('BigInt') } }]);
  });

  test.each([
    ['an operation nobody knows', { operation: 'destroy' }, /operation/],
    ['an unknown member', { operation: 'finish', force: true }, /force/],
    ['a missing member', { operation: 'uninstall' }, /keepTarget/],
    ['a wrong type', { operation: 'verify', tables: 'order', repair: false }, /tables/],
    ['half a millisecond', { operation: 'switch', direction: 'cutover', dryRun: true, maxPauseMs: 0.5 }, /maxPauseMs/],
    ['nothing', null, /object/],
  ])('%s is refused before anything is done', async (_, body, says) => {
    const response = await controlApp(fake()).request('/call', { method: 'POST', body: JSON.stringify(body) });
    expect(response.status).toBe(400);
    expect(Line.parse(await response.json())).toMatchObject({ failure: { kind: 'failed', message: expect.stringMatching(says) } });
  });

  test('what is not JSON is refused too', async () => {
    const response = await controlApp(fake()).request('/call', { method: 'POST', body: '{"operation":' });
    expect(response.status).toBe(400);
    expect(Line.parse(await response.json())).toMatchObject({ failure: { message: expect.stringContaining('did not understand') } });
  });
});

describe('over the socket', () => {
  const failing = (error: unknown) => fake({ status: () => Promise.reject(error) });
  const ask = async (operations: Operations, call: Call = { operation: 'status' }): Promise<unknown> => {
    await using _daemon = await listen(operations, at());
    return await callDaemon(at(), call, ignore);
  };

  test('the result is the document, whatever characters are in it and however long it is', async () => {
    const detail = 'Grüße \u2028 漢字 \u2029 👩‍🚀 \r\n\u0000 '.repeat(20_000);
    const answer = await ask(fake({ finish: async () => ({ ...DONE, detail }) }), { operation: 'finish' });
    expect(answer).toEqual({ result: { ...DONE, detail } });
  });

  test('progress is heard while the work goes on, in order', async () => {
    const heard: string[] = [];
    const goOn = Promise.withResolvers<void>();
    const finish: Operations['finish'] = async say => {
      say('half\u2028way');
      await goOn.promise;
      for (let line = 0; line < 100; line += 1) say(`line ${line}`);
      return DONE;
    };
    await using _daemon = await listen(fake({ finish }), at());
    const answer = await callDaemon(at(), { operation: 'finish' }, line => {
      heard.push(line);
      goOn.resolve();
    });
    expect(answer).toEqual({ result: DONE });
    expect(heard).toEqual(['half\u2028way', ...Array.from({ length: 100 }, (_, line) => `line ${line}`)]);
  });

  test.each([
    ['UsageError', new UsageError('no such table: "x"', 'name one of: order')],
    ['Refused', new Refused('refused', [{ code: 'lag', reason: 'behind by 17', remedy: 'wait' }])],
    ['Refused without a reason', new Refused('refused', [])],
    ['ReplicationError', new ReplicationError('halt', 'the slot is gone\nfor good', { hint: 'run attacca sync' })],
    ['any other error', new TypeError('x is not a function'), new Error('x is not a function')],
    ['a text', 'thrown by hand', new Error('thrown by hand')],
  ] satisfies [string, unknown, Error?][])('%s comes back with its class and text', async (_, error, expected: Error = error as Error) => {
    const back = await ask(failing(error)).then(ignore, reason => reason);
    expect(back.constructor).toBe(expected.constructor);
    expect({ ...back, message: back.message }).toEqual({ ...expected, message: expected.message });
  });

  test('what the daemon does not understand is said, not thrown as a parser sees it', async () => {
    const newer = { operation: 'finish', force: true } as unknown as Call;
    const back = await ask(fake(), newer).then(ignore, reason => reason);
    expect(back).toBeInstanceOf(ReplicationError);
    expect(back.message).toMatch(/did not understand[\s\S]+force/);
    expect(back.hint).toMatch(/version/);
  });

  test('several ask at once', async () => {
    let asked = 0;
    const all = Promise.withResolvers<void>();
    const status = async () => {
      if (++asked === 5) all.resolve();
      await all.promise;
      return STATUS;
    };
    await using _daemon = await listen(fake({ status }), at());
    const answers = await Promise.all(Array.from({ length: 5 }, () => callDaemon(at(), { operation: 'status' }, ignore)));
    expect(answers).toEqual(Array(5).fill({ result: STATUS }));
  });

  test('stopping waits for the answer that is under way', { timeout: 4_000 }, async () => {
    const began = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const finish = async () => {
      began.resolve();
      await goOn.promise;
      return DONE;
    };
    const daemon = await listen(fake({ finish }), at());
    const answer = callDaemon(at(), { operation: 'finish' }, ignore);
    await began.promise;
    const stopped = daemon[Symbol.asyncDispose]();
    goOn.resolve();
    expect(await answer).toEqual({ result: DONE });
    await stopped;
    expect(existsSync(at())).toBe(false);
  });
});

describe('nobody listens', () => {
  const asked = () => callDaemon(at(), { operation: 'status' }, ignore);

  /** A server that is closed removes its socket; one that is killed does not. */
  async function leaveSocket(): Promise<void> {
    await using _killed = await listen(fake(), join(folder, 'killed.sock'));
    mkdirSync(dirname(at()), { recursive: true });
    renameSync(join(folder, 'killed.sock'), at());
  }

  test('where there is no folder, no socket, a file, or no folder but a file', async () => {
    expect(await asked()).toBeUndefined();
    mkdirSync(dirname(at()));
    expect(await asked()).toBeUndefined();
    writeFileSync(at(), '');
    expect(await asked()).toBeUndefined();
    rmSync(dirname(at()), { recursive: true });
    writeFileSync(dirname(at()), '');
    expect(await asked()).toBeUndefined();
  });

  test('any more', async () => {
    const daemon = await listen(fake({ status: async () => STATUS }), at());
    expect(await asked()).toEqual({ result: STATUS });
    await daemon[Symbol.asyncDispose]();
    expect(await asked()).toBeUndefined();
  });

  test('and what a dead daemon left is taken over', async () => {
    await leaveSocket();
    expect(statSync(at()).isSocket()).toBe(true);
    expect(await asked()).toBeUndefined();
    await using _daemon = await listen(fake({ status: async () => STATUS }), at());
    expect(await asked()).toEqual({ result: STATUS });
  });
});

describe('a daemon that dies in mid-answer, or says something else', { timeout: 4_000 }, () => {
  async function serving(server: Server): Promise<AsyncDisposable> {
    mkdirSync(dirname(at()), { recursive: true });
    await new Promise<void>(listening => server.listen(at(), listening));
    return {
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        await new Promise(closed => server.close(closed));
      },
    };
  }
  const rejection = async (): Promise<ReplicationError> => {
    const back = await callDaemon(at(), { operation: 'status' }, ignore).then(ignore, reason => reason);
    expect(back).toBeInstanceOf(ReplicationError);
    return back;
  };

  const deaths: [string, RequestListener][] = [
    ['before the first byte', (_, response) => response.socket?.destroy()],
    ['after a line', (_, response) => response.write('{"progress":"x"}\n', () => response.socket?.destroy())],
    ['within a line', (_, response) => response.write('{"progress":"x"}\n{"resu', () => response.socket?.destroy())],
    ['within a line, politely', (_, response) => response.end('{"progress":"x"}\n{"resu')],
    ['without a word', (_, response) => response.end()],
  ];
  test.each(deaths)('%s', async (_, dying) => {
    await using _daemon = await serving(createServer(dying));
    const back = await rejection();
    expect(back).toMatchObject({ message: 'the daemon went away before it answered', hint: expect.stringContaining('attacca sync') });
  });

  test('while it works', async () => {
    const server = createAdaptorServer({ fetch: request => controlApp(operations).fetch(request) }) as Server;
    const verify: Operations['verify'] = (_, say) => {
      say('comparing');
      return new Promise(() => undefined);
    };
    const operations = fake({ verify });
    await using _daemon = await serving(server);
    const asked = callDaemon(at(), { operation: 'verify', tables: [], repair: false }, () => server.closeAllConnections());
    await expect(asked).rejects.toMatchObject({ name: 'ReplicationError', message: 'the daemon went away before it answered' });
  });

  test.each([
    ['an error page', (_, response) => response.writeHead(500).end('<h1>Internal Server Error</h1>\n')],
    ['a line of another kind', (_, response) => response.end('{"greeting":"hello"}\n')],
    ['no JSON', (_, response) => response.end('hello\n')],
  ] satisfies [string, RequestListener][])('%s is not an answer', async (_, other) => {
    await using _daemon = await serving(createServer(other));
    expect(await rejection()).toMatchObject({ message: expect.stringMatching(/daemon/), hint: expect.stringMatching(/version/) });
  });
});

describe('who may ask', () => {
  test('only the user: the socket is 0600, its folder private', async () => {
    await using _daemon = await listen(fake(), at());
    expect(mode(at())).toBe('600');
    expect(mode(dirname(at()))).toBe(process.getuid?.() === 0 ? '711' : '700');
  });

  test.each([
    [1000, '700'],
    [0, '711'],
  ])('a folder of user %i is %s, also where it was open before', (uid, expected) => {
    const user = { ...userInfo(), uid };
    vi.mocked(userInfo).mockReturnValueOnce(user).mockReturnValueOnce(user);
    privateFolder(join(folder, 'new', 'nested'));
    expect(mode(join(folder, 'new', 'nested'))).toBe(expected);
    mkdirSync(join(folder, 'open'), { mode: 0o777 });
    privateFolder(join(folder, 'open'));
    expect(mode(join(folder, 'open'))).toBe(expected);
  });
});

describe('where it listens', () => {
  test('beside the source', () => {
    expect(socketPath('/srv/app.db')).toBe('/srv/.attacca/control.sock');
    expect(stateFolder('/srv/app.db')).toBe('/srv/.attacca');
  });

  test.each([
    ['long one', 'deep/'.repeat(20)],
    ['short one of many bytes', '漢'.repeat(30)],
  ])(
    'a path too long for a socket (a %s) falls back to a private folder under the temp folder, the same for both sides',
    async (_, between) => {
      const source = join(folder, between, 'app.db');
      mkdirSync(dirname(source), { recursive: true });
      const path = socketPath(source);
      expect(dirname(path)).toBe(join(tmpdir(), `attacca-${userInfo().uid}`));
      expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100);
      expect(socketPath(join(dirname(source), 'other.db'))).not.toBe(path);

      await using _daemon = await listen(fake({ status: async () => STATUS }), path);
      expect(mode(path)).toBe('600');
      expect(mode(dirname(path))).toBe(process.getuid?.() === 0 ? '711' : '700');
      expect(await callDaemon(socketPath(source), { operation: 'status' }, ignore)).toEqual({ result: STATUS });
    },
  );
});
