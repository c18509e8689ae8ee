/*
 * Texts that are almost JSON, as other languages write it.
 *
 * (1) Repaired are a comma behind the last item, strings in single quotes, Python's True, False and None, and NaN, Infinity and
 *     -Infinity, for which JSON has nothing but null. Nothing else is guessed at, and a text that ends too early never is.
 * (2) Postgres holds the repaired document. The text stays in SQLite, and stays there on the way back as long as Postgres
 *     still holds that document: `keeping` in codec.ts.
 */
import { isJson } from './json.ts';

export type Fault = 'trailing comma' | 'single quotes' | 'Python literals' | 'NaN' | 'truncated' | 'other';

/** What is wrong with a text that is not JSON: the first fault, in the order of the text; one that nobody repairs before all. */
export function faultOf(text: string): Fault {
  const { fault, faults } = read(text);
  return fault ?? faults[0] ?? 'other';
}

/** The text as JSON; undefined where it takes more than the rules above. JSON comes back as it is. */
export function repairJson(text: string): string | undefined {
  if (isJson(text)) return text;
  const { json } = read(text);
  return json !== undefined && isJson(json) ? json : undefined;
}

type Reading = { readonly json?: string; readonly fault?: Fault; readonly faults: readonly Fault[] };

class Unrepaired extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault);
    this.fault = fault;
  }
}

const BLANK = /[\t\n\r ]*/y;
const DOUBLE = /"(?:[^"\\]|\\.)*"/sy;
const SINGLE = /'(?:[^'\\]|\\.)*'/sy;
const WORD = /-?[A-Za-z]+|-?\d[\d.eE+-]*/y;
const MOST_DEPTH = 500;

/** Words that mean a value elsewhere. */
const WORDS: Readonly<Record<string, readonly [string, Fault | undefined]>> = {
  true: ['true', undefined],
  false: ['false', undefined],
  null: ['null', undefined],
  True: ['true', 'Python literals'],
  False: ['false', 'Python literals'],
  None: ['null', 'Python literals'],
  NaN: ['null', 'NaN'],
  Infinity: ['null', 'NaN'],
  '-Infinity': ['null', 'NaN'],
};

function read(text: string): Reading {
  const faults: Fault[] = [];
  try {
    const reader = readerOf(text, fault => faults.push(fault));
    const json = reader.value(0);
    if (reader.peek() !== '') throw new Unrepaired('other');
    return { json, faults };
  } catch (error) {
    if (error instanceof Unrepaired) return { fault: error.fault, faults };
    throw error;
  }
}

function readerOf(text: string, found: (fault: Fault) => void) {
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const taken = pattern.exec(text)?.[0];
    at += taken?.length ?? 0;
    return taken;
  };
  const peek = (): string => {
    take(BLANK);
    return text.charAt(at);
  };
  const expect = (char: string): void => {
    const there = peek();
    if (there !== char) throw new Unrepaired(there === '' ? 'truncated' : 'other');
    at++;
  };
  const string = (): string => {
    const quote = peek();
    const token = quote === '"' ? take(DOUBLE) : quote === "'" ? take(SINGLE) : undefined;
    if (token === undefined) throw new Unrepaired(quote === '' || quote === '"' || quote === "'" ? 'truncated' : 'other');
    if (quote === '"') return token;
    found('single quotes');
    return unquoted(token.slice(1, -1));
  };
  const items = (close: string, item: () => string): string => {
    at++;
    const list: string[] = [];
    while (peek() !== close) {
      list.push(item());
      if (peek() === close) break;
      expect(',');
      if (peek() === close) found('trailing comma');
    }
    at++;
    return list.join(',');
  };
  const value = (depth: number): string => {
    if (depth > MOST_DEPTH) throw new Unrepaired('other');
    const first = peek();
    if (first === '[') return `[${items(']', () => value(depth + 1))}]`;
    if (first === '{') return `{${items('}', () => `${string()}${colon()}${value(depth + 1)}`)}}`;
    return first === '"' || first === "'" || first === '' ? string() : word();
  };
  const colon = (): string => {
    expect(':');
    return ':';
  };
  const word = (): string => {
    const token = take(WORD) ?? '';
    const [json, fault] = WORDS[token] ?? [token];
    if (json === token && WORDS[token] === undefined && !/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(token))
      throw new Unrepaired(at === text.length && token !== '' ? 'truncated' : 'other');
    if (fault !== undefined) found(fault);
    return json;
  };
  return { value, peek };
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', "'": "'", '"': '"' };
const ESCAPE = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|(.))/gs;

/** A string that Python's repr or JavaScript wrote in single quotes, as JSON. */
function unquoted(body: string): string {
  const value = body.replace(ESCAPE, (_, two?: string, four?: string, eight?: string, one?: string) => {
    const code = two ?? four ?? eight;
    if (code !== undefined && Number.parseInt(code, 16) <= 0x10_ffff) return String.fromCodePoint(Number.parseInt(code, 16));
    const char = ESCAPES[one ?? ''];
    if (char === undefined) throw new Unrepaired('other');
    return char;
  });
  return JSON.stringify(value);
}
