/*
 * One replication connection, and the only file that uses pg-logical-replication (2.5.0, pinned). What the library does, and what is
 * done about it here; test/postgres/wal*.test.ts show each:
 *
 *   - acknowledge(lsn) sends lsn + 1, which loses a commit that begins right there     → it is given the byte before
 *   - its timer acknowledges what was received, not what was applied                   → `timeoutSeconds: 0`, and a timer of our own
 *   - keepalives that ask for a reply get none, and they overtake rows                 → answered; believed only when nothing is under way
 *   - handlers are awaited only with flow control; one that throws is passed over      → flow control; handlers that cannot throw
 *   - an exception of its parser ends the process; its values went through type parsers → our own parser, guarded, raw text
 *   - a second subscribe on the same object begins at the last *received* place        → a new object for every connection
 *   - publication names are not quoted                                                 → our own start command
 *   - a query_timeout in the URL ends the stream, whose command never ends → it is taken out of the URL
 *   - an end before the stream began looks like success                                → every end of `subscribe` is a lost connection
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { LogicalReplicationService } from 'pg-logical-replication';
import type { Lsn } from '../../change/change.ts';
import { ReplicationError } from '../../change/errors.ts';
import { formatLsn, parseLsn } from '../../change/lsn.ts';
import { literal, quote } from '../../change/quote.ts';
import { PostgresError, replicationError } from '../session/errors.ts';
import { withoutLimit } from '../session/limit.ts';
import { connect } from '../session/open.ts';
import { FOR_REPLICATION } from '../session/settings.ts';
import { asVerified } from '../session/tls.ts';
import { type Handoff, handoff } from './handoff.ts';
import { decode, type Message } from './pgoutput.ts';
import { slotState } from './slot.ts';

/** What the stream says: a message, or that everything up to `position` has been sent and nothing is under way. */
export type Item = Message | { readonly kind: 'idle'; readonly position: Lsn };

export interface Stream extends AsyncDisposable {
  /** The next item; waits for it. Rejects when the connection fails or the signal aborts. */
  take(): Promise<Item>;
  /** Whether the next item has arrived already. */
  waiting(): boolean;
  /** Everything up to `position` is safe in the sink. */
  acknowledge(position: Lsn): void;
  /** Wakes the sender, which may sleep over a commit. */
  nudge(): void;
}

export type StreamOptions = { readonly url: string; readonly slot: string; readonly publication: string };

/** Far below any sensible wal_sender_timeout: these reports are also the sign of life while the sink is busy. */
const STATUS_MS = 250;
const ENDS_MS = 2_000;
/** Nothing heard for so long: ask for a sign of life; and for so long: the connection is dead, whatever the socket says. */
const PING_MS = 5_000;
const SILENCE_MS = 30_000;
/** The slot of a connection that just ended is free a moment later. */
const RELEASE_MS = 5_000;
const POLL_MS = 20;
const CONNECT_MS = 10_000;
/** What is read ahead of the sink, beyond the socket's own buffers. */
const HELD_BYTES = 1 << 20;
/** What an item weighs beyond its bytes. */
const ITEM_BYTES = 64;

/**
 * Opens a connection that begins to stream right behind `after`; position 0 is the slot's own place. Throws ReplicationError: 'halt'
 * where the slot is gone, lost or already ahead of `after`, 'retry' where the server or the slot is not to be had.
 */
export async function openStream(options: StreamOptions, after: Lsn, signal: AbortSignal): Promise<Stream> {
  const start = await startOf(options, after, signal);
  signal.throwIfAborted();
  const items = handoff<Item>(HELD_BYTES);
  const service = new LogicalReplicationService(
    {
      connectionString: asVerified(withoutLimit(options.url)),
      application_name: 'attacca wal',
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
    },
    { acknowledge: { auto: false, timeoutSeconds: 0 }, flowControl: { enabled: true } },
  );
  const line = attend(service, items, start);
  const abort = () => items.fail(signal.reason);
  signal.addEventListener('abort', abort);
  const ended = service.subscribe(rawPlugin(options.publication, line.arrived), options.slot, formatLsn(start)).then(
    () => items.fail(lost('Postgres ended the stream')),
    error => items.fail(failure(error)),
  );
  return {
    take: () => items.take(),
    waiting: () => items.waiting,
    acknowledge: line.acknowledge,
    nudge: line.nudge,
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', abort);
      line.close();
      // One that is ended while it is being made may never say so.
      await Promise.race([service.destroy().then(() => ended), delay(ENDS_MS, undefined, { ref: false })]);
    },
  };
}

const GONE =
  'changes made in Postgres since then are gone from the stream: run `attacca resync` to copy the mirror anew, or `attacca finish` to stay without it';

/** Where to start. A slot that is gone, lost or ahead of the sink is found here, before it could pass for a quiet one [G10]. */
async function startOf({ url, slot }: StreamOptions, after: Lsn, signal: AbortSignal): Promise<Lsn> {
  await using session = await connect(url, { applicationName: 'attacca wal' });
  let state = await slotState(session, slot);
  for (const deadline = performance.now() + RELEASE_MS; state.active && performance.now() < deadline && !signal.aborted; ) {
    await delay(POLL_MS);
    state = await slotState(session, slot);
  }
  const { confirmedFlush } = state;
  if (confirmedFlush === null) throw halt(`the replication slot ${slot} does not exist`);
  if (state.walStatus === 'lost') throw halt(`Postgres has given up the replication slot ${slot}`);
  if (after !== 0n && after < confirmedFlush)
    throw halt(`the replication slot ${slot} is at ${formatLsn(confirmedFlush)}, ahead of SQLite at ${formatLsn(after)}`);
  return after > confirmedFlush ? after : confirmedFlush;
}

const halt = (message: string): ReplicationError => new ReplicationError('halt', message, { hint: GONE });

/** A publication that is gone, and made again, is of no use to the slot, which looks for it at the place where it stands. */
function failure(error: unknown): Error {
  const known = replicationError(error);
  const code = known instanceof PostgresError ? known.sqlstate : undefined;
  if (code === UNKNOWN_OPTION)
    return new PostgresError('retry', `a pooler lets no replication connection through: ${known.message}`, { hint: PAST });
  return code === '42704' ? halt(known.message) : known;
}

/** A server knows what a replication connection begins with. */
const UNKNOWN_OPTION = '08P01';
const PAST = "name the server's own host and port, past the pooler";

const lost = (message: string): ReplicationError =>
  new ReplicationError('retry', message, {
    hint: 'attacca connects again by itself; if it lasts, check that Postgres is up and reachable',
  });

/** A decoded message, or why it could not be decoded. */
type Parsed = { readonly result: Message | Error; readonly weight: number };

/** Moves what the service says into `items`, in order, and tells Postgres what is safe. */
export function attend(service: Pick<LogicalReplicationService, 'on' | 'acknowledge'>, items: Handoff<Item>, start: Lsn) {
  let safe = start;
  let heard = performance.now();
  let underWay = 0;
  // The library adds one again. A commit may begin at the very byte where the last one ended, and must not fall behind the line.
  const report = (ping = false): void => void service.acknowledge(formatLsn((safe - 1n) as Lsn), ping).catch(items.fail);

  service.on('error', error => items.fail(failure(error)));
  service.on('data', async (_, { result, weight }: Parsed) => {
    if (result instanceof Error) items.fail(replicationError(result));
    else await items.put(result, weight);
    underWay--;
  });
  service.on('heartbeat', (lsn, _, shouldRespond) => {
    heard = performance.now();
    const position = parseLsn(lsn);
    if (underWay === 0 && items.starving && position > safe) void items.put({ kind: 'idle', position }, ITEM_BYTES);
    if (shouldRespond) report();
  });
  const timer = setInterval(() => {
    if (!items.starving) heard = performance.now(); // the socket is paused: silence means nothing
    const silent = performance.now() - heard;
    if (silent > SILENCE_MS) items.fail(lost('Postgres has not been heard of for a while'));
    else report(silent > PING_MS);
  }, STATUS_MS);
  return {
    arrived(): void {
      heard = performance.now();
      underWay++;
    },
    acknowledge(position: Lsn): void {
      if (position > safe) safe = position;
      report();
    },
    nudge: () => report(),
    close: () => clearInterval(timer),
  };
}

type Plugin = Parameters<LogicalReplicationService['subscribe']>[0];

/** What the library calls an output plugin: how to start, and what becomes of a message. */
function rawPlugin(publication: string, arrived: () => void): Plugin {
  return {
    options: {},
    name: 'pgoutput',
    /** Called for every message as it arrives, inside the socket's listener: an exception here would end the process. */
    parse(buffer: Buffer): Parsed {
      arrived();
      const weight = buffer.length + ITEM_BYTES;
      try {
        return { result: decode(buffer), weight };
      } catch (error) {
        return { result: error instanceof Error ? error : new Error('a message could not be read', { cause: error }), weight };
      }
    },
    async start(client: Client, slot: string, position: string): Promise<unknown> {
      await client.query(FOR_REPLICATION);
      const options = `proto_version '1', publication_names ${literal(quote(publication))}`;
      // Keywords of the replication grammar are known in capitals only.
      return await client.query(`START_REPLICATION SLOT ${quote(slot)} LOGICAL ${position} (${options})`);
    },
  };
}
