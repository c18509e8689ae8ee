import type { FlagConfig } from './config.ts';
import { type Format, nameOf, stateOf } from './format.ts';

/**
 * One assignment as the common dotenv libraries read it. Quoted values may span lines, so an assignment inside another
 * variable's value is not mistaken for one. Groups: everything before the value, the name, the value as written.
 */
const ASSIGNMENT =
  /^([^\S\r\n]*\uFEFF?(?:export[^\S\r\n]+)?([\w.-]+)[^\S\r\n]*=[^\S\r\n]*)('(?:\\'|[^'])*'|"(?:\\"|[^"])*"|`(?:\\`|[^`])*`|[^#\r\n]*)/gm;

type Assignment = {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly written: string;
  readonly prefix: string;
};

/** `KEY=value` lines with `KEY_EPOCH=7` beside; quotes, comments, `export`, line endings and all other lines stay as they are. */
export const dotenv: Format = {
  read(text, config) {
    const found = assignments(text);
    return stateOf(last(found, config.key), last(found, epochKey(config)), config);
  },
  write(text, config, state) {
    const eol = text?.includes('\r\n') ? '\r\n' : '\n';
    const lines = text === undefined || text === '' || text.endsWith('\n') ? (text ?? '') : text + eol;
    return assign(assign(lines, config.key, nameOf(state, config), eol), epochKey(config), String(state.epoch), eol, config.key);
  },
};

const epochKey = (config: FlagConfig): string => `${config.key}_EPOCH`;

function assignments(text: string): Assignment[] {
  return [...text.matchAll(ASSIGNMENT)].map(match => {
    const [, prefix = '', name = '', raw = ''] = match;
    const written = raw.trimEnd();
    const start = match.index + prefix.length;
    return { name, prefix, written, start, end: start + written.length };
  });
}

/** Of several assignments the last one counts. */
function last(found: readonly Assignment[], name: string): string | undefined {
  return found.findLast(one => one.name === name)?.written.replace(/^(['"`])([\s\S]*)\1$/, '$2');
}

/** Sets `name` wherever it is assigned, since not every library agrees on which one counts; else adds a line, beside `beside` if given. */
function assign(text: string, name: string, value: string, eol: string, beside?: string): string {
  const found = assignments(text);
  const own = found.filter(one => one.name === name);
  if (own.length > 0)
    return own.reduceRight((edited, one) => edited.slice(0, one.start) + quoted(one.written, value) + edited.slice(one.end), text);
  const neighbour = found.findLast(one => one.name === beside);
  if (neighbour === undefined) return `${text}${name}=${quoted('', value)}${eol}`;
  const cut = text.indexOf('\n', neighbour.end) + 1;
  return `${text.slice(0, cut)}${/\bexport\s/.test(neighbour.prefix) ? 'export ' : ''}${name}=${value}${eol}${text.slice(cut)}`;
}

/** In the quotes it had; a bare value gets quotes only when it needs them. */
function quoted(before: string, value: string): string {
  const quote = /^['"`]/.exec(before)?.[0] ?? (/\s/.test(value) ? '"' : '');
  return quote + value + quote;
}
