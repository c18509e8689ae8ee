/*
 * JSON in texts. json_value gives what json_extract would, tagged by class (`i:1`, `r:1.5`, `t:text`): its class is known for each value only.
 */
import { isRepairing } from '../codecs/repairing.ts';
import { asText } from './convert.ts';
import { Refusal } from './refusal.ts';
import { compat, type Scope } from './scope.ts';
import { argument } from './translate.ts';
import { type Typed, typed, typedLiteral } from './typed.ts';

type Translator = (args: readonly Typed[], scope: Scope) => Typed;

/** `$`, `$.name`, `$."any name"`, `$[1]`, `$[#-1]` and chains of them, as a Postgres array of steps. */
function path({ value }: Typed): string {
  if (typeof value !== 'string' || !value.startsWith('$')) throw new Refusal('a JSON path is not a literal');
  const steps: string[] = [];
  let rest = value.slice(1);
  while (rest !== '') {
    const [all = '', quoted, plain, index, fromEnd] = /^(?:\."([^"\\]*)"|\.([^."[\\]+)|\[(\d+)\]|\[#-(\d+)\])/.exec(rest) ?? [];
    if (all === '') throw new Refusal(`the JSON path ${value} is not understood`);
    steps.push(index ?? (fromEnd === undefined ? `.${quoted ?? plain ?? ''}` : `-${fromEnd}`));
    rest = rest.slice(all.length);
  }
  return `array[${steps.map(step => typedLiteral(step).sql).join(', ')}]::text[]`;
}

/** The right side of -> and ->>: a path, a name, or an index. */
function stepOf(right: Typed): string {
  if (typeof right.value === 'bigint') return `array['${right.value}']::text[]`;
  if (typeof right.value === 'string' && !right.value.startsWith('$')) return `array[${typedLiteral(`.${right.value}`).sql}]::text[]`;
  return path(right);
}

/** `->>` gives a value of any class. `->` gives JSON text, whose spelling (blanks, order of names) Postgres would change. */
export function arrow(operator: '->' | '->>', left: Typed, right: Typed, scope: Scope): Typed {
  if (operator === '->') throw new Refusal('-> gives JSON as it is spelled, which Postgres does not keep');
  return typed('json', `${compat(scope, 'json_value')}(${document(left, scope)}, ${stepOf(right)})`);
}

/** The JSON text; a jsonb column is one too. */
function document(value: Typed | undefined, scope: Scope): string {
  if (value === undefined) throw new Refusal('a JSON function has no argument');
  if (isRepairing(value.column?.codec ?? '') && scope.ofRepaired === 'nothing')
    throw new Refusal('it reads JSON from texts that are repaired in Postgres and malformed in SQLite');
  if (/^jsonb?$/.test(value.column?.type ?? '')) return `(${value.sql})::text`;
  if (value.kind !== 'text' && value.kind !== 'json') throw new Refusal('it reads JSON from something that is not a text');
  return argument(asText(value, scope));
}

const extract: Translator = ([value, step, ...more], scope) => {
  if (step === undefined || more.length > 0) throw new Refusal('json_extract has another number of paths than one');
  return typed('json', `${compat(scope, 'json_value')}(${document(value, scope)}, ${path(step)})`);
};

const onPath =
  (name: 'json_count' | 'json_type', kind: Typed['kind']): Translator =>
  ([value, step], scope) =>
    typed(kind, `${compat(scope, name)}(${document(value, scope)}, ${step === undefined ? 'array[]::text[]' : path(step)})`);

export const JSON_FUNCTIONS = {
  json_extract: extract,
  json_array_length: onPath('json_count', 'integer'),
  json_type: onPath('json_type', 'text'),
  json_valid: ([value, ...more], scope) => {
    if (more.length > 0) throw new Refusal('json_valid has flags');
    if (isRepairing(value?.column?.codec ?? '') && scope.ofRepaired === 'values')
      throw new Refusal('it asks whether JSON is valid that is repaired in Postgres and malformed in SQLite');
    return typed('boolean', `${compat(scope, 'json_valid')}(${document(value, scope)})`);
  },
} as const satisfies Readonly<Record<string, Translator>>;

export const isJsonFunction = (name: string): name is keyof typeof JSON_FUNCTIONS => Object.hasOwn(JSON_FUNCTIONS, name);
