/*
 * Edits one member of a JSON text and leaves every other byte alone. Parsing and printing the document again would round
 * its large numbers and reformat it.
 */

type Member = { readonly name: string; readonly keyStart: number; readonly start: number; readonly end: number };

const TOKEN = /[\s]*([{}[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}[\],:"]+)/y;

/** The text with the member at `path` set to `value` (JSON text), its parents created where missing. `text` must be valid JSON, an object at every step. */
export function setMember(text: string, path: readonly string[], value: string): string {
  let start = text.search(/\S/);
  let end = text.trimEnd().length;
  for (const [depth, name] of path.entries()) {
    if (text[start] !== '{') throw new SyntaxError(`${path.slice(0, depth).join('.') || 'the document'} is not an object`);
    const members = membersOf(text, start);
    const found = members.findLast(member => member.name === name);
    if (found === undefined)
      return insert(text, { start, end }, members, `${JSON.stringify(name)}: ${nested(path.slice(depth + 1), value)}`);
    ({ start, end } = found);
  }
  return text.slice(0, start) + value + text.slice(end);
}

const nested = (path: readonly string[], value: string): string =>
  path.reduceRight((inner, name) => `{ ${JSON.stringify(name)}: ${inner} }`, value);

/** Appends a member with the white space that stands before the object's last one, so that it lines up. */
function insert(text: string, object: { start: number; end: number }, members: readonly Member[], member: string): string {
  const previous = members.at(-1);
  if (previous === undefined) return `${text.slice(0, object.start)}{ ${member} }${text.slice(object.end)}`;
  const gap = /\s*$/.exec(text.slice(0, previous.keyStart))?.[0] ?? '';
  return `${text.slice(0, previous.end)},${gap === '' ? ' ' : gap}${member}${text.slice(previous.end)}`;
}

function membersOf(text: string, open: number): Member[] {
  const members: Member[] = [];
  let at = open + 1;
  for (;;) {
    const key = token(text, at);
    if (key.text === '}') return members;
    if (key.text === ',') {
      at = key.end;
      continue;
    }
    const start = token(text, token(text, key.end).end).start;
    const end = valueEnd(text, start);
    members.push({ name: String(JSON.parse(key.text)), keyStart: key.start, start, end });
    at = end;
  }
}

function valueEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; ; ) {
    const next = token(text, at);
    if (next.text === '{' || next.text === '[') depth++;
    if (next.text === '}' || next.text === ']') depth--;
    if (depth === 0) return next.end;
    at = next.end;
  }
}

function token(text: string, at: number): { text: string; start: number; end: number } {
  TOKEN.lastIndex = at;
  const found = TOKEN.exec(text)?.[1];
  if (found === undefined) throw new SyntaxError('unexpected end of JSON');
  return { text: found, start: TOKEN.lastIndex - found.length, end: TOKEN.lastIndex };
}
