import type { FlagConfig } from './config.ts';
import { type Format, nameOf, stateOf, unreadable } from './format.ts';
import { setMember } from './json-text.ts';

/** A member of a JSON document at a dotted path, `<key>Epoch` beside it. All other text stays as it is. */
export const json: Format = {
  read(text, config) {
    const document = parse(text, config);
    return stateOf(scalar(document, path(config), config), scalar(document, epochPath(config), config), config);
  },
  write(text = '{\n}\n', config, state) {
    parse(text, config);
    return edit(config, () =>
      setMember(setMember(text, path(config), JSON.stringify(nameOf(state, config))), epochPath(config), String(state.epoch)),
    );
  },
};

const path = (config: FlagConfig): string[] => config.key.split('.');
const epochPath = (config: FlagConfig): string[] => `${config.key}Epoch`.split('.');

/** The document, or a ReplicationError that names the file and not its content: it may hold secrets. */
export function parse(text: string, config: FlagConfig): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    throw unreadable(config, 'it is not valid JSON');
  }
}

/** Runs an edit of the text; a document of another shape than expected halts. */
export function edit(config: FlagConfig, change: () => string): string {
  try {
    return change();
  } catch (error) {
    if (error instanceof SyntaxError) throw unreadable(config, error.message);
    throw error;
  }
}

/** The value at `path`; undefined where there is none. */
export function member(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => (isObject(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined), value);
}

/** A string or number at `path`, as text; undefined where there is none or null. */
export function scalar(document: unknown, path: readonly string[], config: FlagConfig): string | undefined {
  const value = member(document, path) ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw unreadable(config, `${path.join('.')} is neither text nor a number`);
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
