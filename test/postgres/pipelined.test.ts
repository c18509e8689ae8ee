/* A session that sends what it is asked for without waiting for the answers to what it was asked before. */
import { createServer, connect as dial, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { connect } from '../../src/postgres/session/open.ts';
import { testPostgres } from '../support/postgres.ts';

const AS = { applicationName: 'attacca test', pipelined: true };

/** A way to the server on which every answer is kept back while `closed`; `sent` resolves when a text has gone by. */
async function gate(url: string) {
  const target = new URL(url);
  const { hostname, port } = target;
  let kept: (() => void)[] | undefined;
  let seen = '';
  const waiting = new Map<string, () => void>();
  const server = createServer((near: Socket) => {
    const far = dial(Number(port), hostname);
    near.on('data', bytes => {
      far.write(bytes);
      seen += bytes.toString('latin1');
      for (const [text, tell] of waiting) if (seen.includes(text)) tell();
    });
    far.on('data', bytes => (kept === undefined ? void near.write(bytes) : void kept.push(() => near.write(bytes))));
    for (const socket of [near, far]) socket.on('error', () => {}).on('close', () => (socket === near ? far.end() : near.destroy()));
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  target.hostname = '127.0.0.1';
  target.port = String(typeof address === 'object' ? address?.port : '');
  return {
    url: target.href,
    close() {
      kept ??= [];
    },
    open() {
      for (const pass of kept ?? []) pass();
      kept = undefined;
    },
    sent: (text: string) => new Promise<void>(resolve => (seen.includes(text) ? resolve() : waiting.set(text, resolve))),
    [Symbol.dispose]: () => void server.close(),
  };
}

test('statements and round trips are sent behind each other, and answered in their order', async () => {
  await using postgres = await testPostgres();
  await postgres.query('create table public.t (id integer)');
  using way = await gate(postgres.url);
  await using session = await connect(way.url, AS);
  const answered: string[] = [];
  const noted = <T>(name: string, work: Promise<T>): Promise<T> => work.finally(() => answered.push(name));
  way.close();
  const all = [
    noted('query', session.query('select 1 as first')),
    noted('trip', session.roundTrip([{ text: 'insert into public.t values ($1::integer)', values: ['1'] }])),
    noted('refused', session.query('select 1/0')).catch(() => undefined),
    noted('count', session.query('select count(*) as last from public.t')),
  ];
  await way.sent('as last');
  expect(answered).toEqual([]);
  way.open();
  expect(await all.at(-1)).toMatchObject({ rows: [{ last: '1' }] });
  expect(answered).toEqual(['query', 'trip', 'refused', 'count']);
  await Promise.all(all);
});

test('a COPY has its turn: it waits for what was asked for before, and what comes behind it finds its rows', async () => {
  await using postgres = await testPostgres();
  await postgres.query('create table public.t (id integer)');
  await using session = await connect(postgres.url, AS);
  const count = () => session.query('select count(*) as n from public.t').then(({ rows }) => rows[0]?.n);
  const counts = Promise.all([
    count(),
    session.copyIn('copy public.t from stdin', ['1\n', '2\n']),
    count(),
    session.roundTrip([{ text: 'insert into public.t values (3)', values: [] }]),
    session.copyIn('copy public.t from stdin', ['x\n']).catch(() => 'refused'),
    session.copyIn('copy public.t from stdin', ['4\n']),
    count(),
  ]);
  expect(await counts).toEqual(['0', undefined, '2', undefined, 'refused', undefined, '4']);
});
