/* Over a real socket: what the daemon says arrives as it was said, and its death is never taken for an answer [G7]. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { Refused, ReplicationError, UsageError } from '../../src/change/errors.ts';
import { callDaemon, refuseNeighbour, targetOf } from '../../src/server/call.ts';
import type { Call } from '../../src/server/calls.ts';
import { listen } from '../../src/server/control.ts';
import { controlApp } from '../../src/server/control-app.ts';
import type { Operations } from '../../src/server/operations.ts';
import { socketPath } from '../../src/server/socket.ts';
import { DONE, fake, ignore, STATUS } from './fake.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'attacca-control-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const source = () => join(folder, 'app.db');
const at = () => socketPath(source());

describe('over the socket', () => {
  const failing = (error: unknown) => fake({ status: () => Promise.reject(error) });
  const ask = async (operations: Operations, call: Call = { operation: 'status' }): Promise<unknown> => {
    await using _daemon = await listen(operations, source());
    return await callDaemon(source(), call, ignore);
  };

  test('the result is the document, whatever characters are in it and however long it is', async () => {
    const detail = 'Grüße \u2028 漢字 \u2029 👩‍🚀 \r\n\u0000 '.repeat(20_000);
    const answer = await ask(fake({ finish: async () => ({ ...DONE, detail }) }), { operation: 'finish' });
    expect(answer).toEqual({ result: { ...DONE, detail } });
  });

  test('progress is heard while the work goes on, in order', async () => {
    const heard: string[] = [];
    const goOn = Promise.withResolvers<void>();
    const finish: Operations['finish'] = async (_, say) => {
      say('half\u2028way');
      await goOn.promise;
      for (let line = 0; line < 100; line += 1) say(`line ${line}`);
      return DONE;
    };
    await using _daemon = await listen(fake({ finish }), source());
    const answer = await callDaemon(source(), { operation: 'finish' }, line => {
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
    await using _daemon = await listen(fake({ status }), source());
    const answers = await Promise.all(Array.from({ length: 5 }, () => callDaemon(source(), { operation: 'status' }, ignore)));
    expect(answers).toEqual(Array(5).fill({ result: STATUS }));
  });

  test('stopping waits for the answer that is under way', async () => {
    const began = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const finish = async () => {
      began.resolve();
      await goOn.promise;
      return DONE;
    };
    const daemon = await listen(fake({ finish }), source());
    const answer = callDaemon(source(), { operation: 'finish' }, ignore);
    await began.promise;
    const stopped = daemon[Symbol.asyncDispose]();
    goOn.resolve();
    expect(await answer).toEqual({ result: DONE });
    await stopped;
    expect(existsSync(at())).toBe(false);
  });
});

describe('which target it has', () => {
  test('is said as it was given, and refused to who means another file', async () => {
    await using _daemon = await listen(fake(), source(), 'postgresql://app:***@db.internal/größe');
    expect(await targetOf(source(), 60_000)).toBe('postgresql://app:***@db.internal/größe');
    await expect(targetOf(join(folder, 'other.db'))).rejects.toMatchObject({ blockers: [{ code: 'other-source' }] });
  });

  test('is not waited for longer than that where a daemon is hung', async () => {
    expect(await targetOf(source(), 60_000)).toBeUndefined();
    mkdirSync(dirname(at()), { recursive: true });
    const hung = createServer(() => undefined);
    onTestFinished(() => void hung.close().closeAllConnections());
    await new Promise<void>(listening => hung.listen(at(), listening));
    await expect(targetOf(source(), 10)).rejects.toMatchObject({
      disposition: 'halt',
      message: expect.stringContaining('does not answer'),
    });
  });
});

describe('another file in the same folder', () => {
  const other = () => join(folder, 'other.db');
  const refusal = { name: 'Refused', blockers: [{ code: 'other-source' }] };

  test('is refused by the daemon, before anything is done', async () => {
    await using _daemon = await listen(fake({ finish: async () => DONE }), source());
    await expect(callDaemon(other(), { operation: 'finish' }, ignore)).rejects.toMatchObject(refusal);
    await expect(refuseNeighbour(other())).rejects.toMatchObject(refusal);
    await refuseNeighbour(source());
  });

  test('is not one that is a link to the same file, with names of any characters; nor one that is away for a moment', async () => {
    writeFileSync(join(folder, 'größe %41.db'), '');
    symlinkSync(join(folder, 'größe %41.db'), source());
    symlinkSync(folder, `${folder}.link`);
    onTestFinished(() => rmSync(`${folder}.link`));
    await using _daemon = await listen(fake({ status: async () => STATUS }), source());
    const asked = (path: string) => callDaemon(path, { operation: 'status' }, ignore);
    expect(await asked(join(folder, 'größe %41.db'))).toEqual({ result: STATUS });
    expect(await asked(join(`${folder}.link`, 'app.db'))).toEqual({ result: STATUS });
    rmSync(source());
    expect(await asked(join(`${folder}.link`, 'app.db'))).toEqual({ result: STATUS });
  });
});

describe('nobody listens', () => {
  const asked = () => callDaemon(source(), { operation: 'status' }, ignore);

  /** A server that is closed removes its socket; one that is killed does not. */
  async function leaveSocket(): Promise<void> {
    await using _killed = await listen(fake(), join(folder, 'killed', 'app.db'));
    mkdirSync(dirname(at()), { recursive: true });
    renameSync(socketPath(join(folder, 'killed', 'app.db')), at());
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
    const daemon = await listen(fake({ status: async () => STATUS }), source());
    expect(await asked()).toEqual({ result: STATUS });
    await daemon[Symbol.asyncDispose]();
    expect(await asked()).toBeUndefined();
  });

  test('and what a dead daemon left is taken over', async () => {
    await leaveSocket();
    await refuseNeighbour(join(folder, 'other.db'));
    expect(statSync(at()).isSocket()).toBe(true);
    expect(await asked()).toBeUndefined();
    await using _daemon = await listen(fake({ status: async () => STATUS }), source());
    expect(await asked()).toEqual({ result: STATUS });
  });
});

describe('a daemon that dies in mid-answer, or says something else', () => {
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
    const back = await callDaemon(source(), { operation: 'status' }, ignore).then(ignore, reason => reason);
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
    const server = createAdaptorServer({ fetch: request => controlApp(operations, source()).fetch(request) }) as Server;
    const verify: Operations['verify'] = (_, say) => {
      say('comparing');
      return new Promise(() => undefined);
    };
    const operations = fake({ verify });
    await using _daemon = await serving(server);
    const asked = callDaemon(source(), { operation: 'verify', tables: [], repair: false }, () => server.closeAllConnections());
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
