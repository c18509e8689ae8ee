/*
 * Several statements in one round trip, as one transaction.
 *
 * (1) They are sent behind each other with one Sync at the end. Postgres runs what stands before a Sync as one transaction, unless
 *     one was begun before: all of it commits, or the first failure takes all of it back and the rest is not even run.
 * (2) The answer to the Sync comes after the commit: without an error before it, everything is committed.
 * (3) A statement is prepared once per session, under a name that stands for its text: another text can never be run by mistake. One
 *     whose preparation may have been skipped is closed before it is prepared again; closing what is not there is no error.
 */
import { type Client, Query } from 'pg';
import type { PgText } from '../../change/change.ts';

/** One statement; its parameters as Postgres reads them. */
export type Step = { readonly text: string; readonly values: readonly PgText[] };

/** The driver's end of the wire, as much of it as is used here. */
type Wire = {
  readonly stream: { cork(): void; uncork(): void };
  close(what: { type: 'S'; name: string }): void;
  parse(statement: { name: string; text: string }): void;
  bind(what: { statement: string; values: readonly PgText[] }): void;
  execute(what: null): void;
  sync(): void;
};

/** The round trips of one connection. Rejects with what the server or the driver says, unwrapped. */
export function roundTrips(client: Client, limitMs: number): (steps: readonly Step[]) => Promise<void> {
  const names = new Map<string, string>();
  const prepared = new Set<string>();
  const nameOf = (text: string): string => {
    const name = names.get(text) ?? `attacca_${names.size + 1}`;
    names.set(text, name);
    return name;
  };
  return async steps => {
    const fresh = new Set(steps.map(({ text }) => text).filter(text => !prepared.has(text)));
    const send = (wire: Wire): void => {
      for (const text of fresh) {
        wire.close({ type: 'S', name: nameOf(text) });
        wire.parse({ name: nameOf(text), text });
      }
      for (const { text, values } of steps) {
        wire.bind({ statement: nameOf(text), values });
        wire.execute(null);
      }
      wire.sync();
    };
    await new Promise<void>((resolve, reject) => {
      client.query(new RoundTrip(send, limitMs, error => (error == null ? resolve() : reject(error))));
    });
    for (const text of fresh) prepared.add(text);
  };
}

/**
 * What the driver's queue takes; it calls these as the answers come, and replaces `callback` to limit the time. A `Query`, because a
 * pipelined connection takes nothing else: it must be over with its one Sync, as this is.
 */
class RoundTrip extends Query {
  readonly query_timeout: number;
  callback: (error?: unknown) => void;
  readonly #send: (wire: Wire) => void;

  constructor(send: (wire: Wire) => void, limitMs: number, callback: (error?: unknown) => void) {
    super('');
    this.query_timeout = limitMs;
    this.callback = callback;
    this.#send = send;
  }

  override submit = (connection: unknown): void => {
    const wire = connection as Wire;
    wire.stream.cork();
    try {
      this.#send(wire);
    } finally {
      wire.stream.uncork();
    }
  };
  handleError(error: unknown): void {
    this.callback(error);
  }
  handleReadyForQuery(): void {
    this.callback();
  }
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
}

const SPECIAL = /["\\]/g;

/** A Postgres array of texts. Every element is quoted: an unquoted NULL is the null. */
export function arrayText(texts: readonly PgText[]): string {
  let array = '{';
  for (let index = 0; index < texts.length; index++) {
    const text = texts[index] ?? null;
    if (index > 0) array += ',';
    array += text === null ? 'NULL' : `"${text.includes('"') || text.includes('\\') ? text.replace(SPECIAL, '\\$&') : text}"`;
  }
  return `${array}}`;
}
