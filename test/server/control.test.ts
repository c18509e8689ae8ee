/* The control API: each kind of call is carried out as it was asked, and answered in lines. */
import { describe, expect, test } from 'vitest';
import { actor } from '../../src/change/actor.ts';
import { type Call, Line } from '../../src/server/calls.ts';
import { controlApp } from '../../src/server/control-app.ts';
import {
  DoneDocument,
  QuarantineDocument,
  StatusDocument,
  SwitchDocument,
  ThrottleDocument,
  VerifyDocument,
} from '../../src/server/documents.ts';
import type { Operations } from '../../src/server/operations.ts';
import { DONE, fake, HUGE, ignore, QUARANTINE, STATUS, SWITCH, VERIFY } from './fake.ts';

async function post(operations: Operations, body: unknown): Promise<{ status: number; lines: Line[] }> {
  const response = await controlApp(operations, '/srv/app.db').request('/call', { method: 'POST', body: JSON.stringify(body) });
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
  [
    { operation: 'throttle', rowsPerSecond: null, chunkRows: 500, paused: true },
    'throttle',
    [{ operation: 'throttle', rowsPerSecond: null, chunkRows: 500, paused: true }],
    ThrottleDocument,
    { rowsPerSecond: null, nice: 0.5, chunkRows: 500, paused: true },
  ],
  [{ operation: 'schedule', at: null, onApproval: true }, 'schedule', [{ at: null, onApproval: true }, actor()], DoneDocument, DONE],
  [
    { operation: 'approve', askedAt: '2026-01-02T03:00:00.123456Z' },
    'approve',
    ['2026-01-02T03:00:00.123456Z', actor()],
    DoneDocument,
    DONE,
  ],
  [{ operation: 'finish' }, 'finish', [{ operation: 'finish' }], DoneDocument, DONE],
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
    ['an approval of nothing', { operation: 'approve', askedAt: '' }, /askedAt/],
    ['half a millisecond', { operation: 'switch', direction: 'cutover', dryRun: true, maxPauseMs: 0.5 }, /maxPauseMs/],
    ['nothing', null, /object/],
  ])('%s is refused before anything is done', async (_, body, says) => {
    const response = await controlApp(fake(), '/srv/app.db').request('/call', { method: 'POST', body: JSON.stringify(body) });
    expect(response.status).toBe(400);
    expect(Line.parse(await response.json())).toMatchObject({ failure: { kind: 'failed', message: expect.stringMatching(says) } });
  });

  test.each(['%', '%ff', '%E0%A4%A'])('a file whose name makes no sense (%s) is another one', async name => {
    const headers = { 'attacca-source': name };
    const response = await controlApp(fake(), '/srv/app.db').request('/target', { headers });
    expect(response.status).toBe(409);
    expect(Line.parse(await response.json())).toMatchObject({ failure: { kind: 'refused', blockers: [{ code: 'other-source' }] } });
  });

  test('what is not JSON is refused too', async () => {
    const response = await controlApp(fake(), '/srv/app.db').request('/call', { method: 'POST', body: '{"operation":' });
    expect(response.status).toBe(400);
    expect(Line.parse(await response.json())).toMatchObject({ failure: { message: expect.stringContaining('did not understand') } });
  });
});
