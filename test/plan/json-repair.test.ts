import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Value } from '../../src/change/value.ts';
import { codecOf, keeping } from '../../src/plan/codec.ts';
import { Unfit } from '../../src/plan/codecs/fit.ts';
import { canonicalJson } from '../../src/plan/codecs/json.ts';
import { faultOf, repairJson } from '../../src/plan/codecs/repair.ts';

describe('malformed JSON is repaired by the stated rules and by no others', () => {
  test.each([
    ['{"a": 1,}', '{"a":1}', 'trailing comma'],
    ['[1, 2, ]', '[1,2]', 'trailing comma'],
    ["{'a': 'it\\'s', \"b\": 'say \"x\"'}", '{"a":"it\'s","b":"say \\"x\\""}', 'single quotes'],
    ["['\\x41\\u00e9\\U0001f600\\n']", '["Aé😀\\n"]', 'single quotes'],
    ['[True, False, None]', '[true,false,null]', 'Python literals'],
    ['{"n": NaN, "i": [Infinity, -Infinity]}', '{"n":null,"i":[null,null]}', 'NaN'],
    ["{'a': [True, NaN,],}", '{"a":[true,null]}', 'single quotes'],
  ])('%s', (text, json, fault) => {
    expect(repairJson(text)).toBe(json);
    expect(faultOf(text)).toBe(fault);
  });

  test.each([
    ['{"a": 1', 'truncated'],
    ['{"a": "x', 'truncated'],
    ["{'a': 'x", 'truncated'],
    ['[1, 2', 'truncated'],
    ['[tru', 'truncated'],
    ['[1,,2]', 'other'],
    ['[,]', 'other'],
    ['{,}', 'other'],
    ['{a: 1}', 'other'],
    ['[1] [2]', 'other'],
    ['[1] // x', 'other'],
    ['[0x10]', 'other'],
    ['[01]', 'other'],
    ['[nan]', 'other'],
    ["['\\q']", 'other'],
    ['["\t"]', 'other'],
    ['{"a" 1}', 'other'],
    ['[undefined]', 'other'],
    ['{"a": 1}}', 'other'],
    [`${'['.repeat(600)}${']'.repeat(600)}`, 'other'],
  ])('%s stays what it is', (text, fault) => {
    expect(repairJson(text)).toBeUndefined();
    expect(faultOf(text)).toBe(fault);
  });

  test('a text that ends too early is never repaired, wherever it ends', () => {
    const document = fc.oneof(fc.array(fc.jsonValue(), { minLength: 1 }), fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }));
    fc.assert(
      fc.property(
        document.chain(value => fc.tuple(fc.constantFrom(JSON.stringify(value), python(value)), fc.nat())),
        ([text, end]) => {
          expect(repairJson(text.slice(0, end % text.length))).toBeUndefined();
        },
      ),
      { numRuns: 500 },
    );
  });

  test('what Python prints of a value is that value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        const repaired = repairJson(python([value])) ?? '';
        expect(canonicalJson(repaired)).toBe(canonicalJson(JSON.stringify([value])));
      }),
      { numRuns: 500 },
    );
  });
});

/** As Python's repr prints it. */
function python(value: unknown): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string')
    return `'${value.replace(/[\\'\n\r\t]/g, char => ({ '\\': '\\\\', "'": "\\'", '\n': '\\n', '\r': '\\r', '\t': '\\t' })[char]!).replace(/\p{Cc}/gu, char => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)}'`;
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`;
  if (typeof value === 'object')
    return `{${Object.entries(value)
      .map(([key, item]) => `${python(key)}: ${python(item)}`)
      .join(', ')}}`;
  return JSON.stringify(value);
}

describe('the text that was repaired stays in SQLite until Postgres has another value [G4]', () => {
  const column = (codec: string) =>
    ({ name: 'c', target: 'c', type: 'jsonb', codec, affinity: 'text', notNull: false, default: null, reason: '' }) as const;

  test.each([
    ['jsonb(repaired)', "{'a': None,}", '{"a": null}', "{'a': None,}"],
    ['jsonb(repaired)', "{'a': None,}", '{"a": 1}', '{"a": 1}'],
    ['json(repaired)', "{'a': None,}", '{"a":null}', "{'a': None,}"],
    ['jsonb', '{ "b":1,  "a":2 }', '{"a": 2, "b": 1}', '{ "b":1,  "a":2 }'],
    ['jsonb(repaired)', null, '{"a": 1}', '{"a": 1}'],
    ['jsonb(repaired)', "{'a': 1}", null, null],
    ['jsonb(repaired)', null, null, null],
    ['jsonb(repaired)', '{"a', '{"a": 1}', '{"a": 1}'],
  ] as readonly (readonly [string, Value, Value, Value])[])('%s: %s and then %s', (codec, held, fresh, stays) => {
    expect(keeping(column(codec))!(held, fresh)).toBe(stays);
  });

  test('a codec with one spelling for each value needs no such thing', () => {
    expect(keeping(column('text'))).toBeUndefined();
    expect(codecOf({ codec: 'jsonb(repaired)', affinity: 'text' }).encode('{"a": 1')).toBeInstanceOf(Unfit);
    expect(codecOf({ codec: 'jsonb(repaired)', affinity: 'text' }).encode("{'a': 1, 'a': 2}")).toBeInstanceOf(Unfit);
  });
});
