import { expect, test } from 'vitest';
import { hookName } from '../../src/hooks/call.ts';
import { HooksConfig } from '../../src/hooks/config.ts';

const parsed = (hook: object) => HooksConfig.safeParse({ 'after-switch': [hook] });

test('a hook is a command or a request, never both or neither', () => {
  expect(parsed({ command: ['/bin/true'] }).success).toBe(true);
  expect(parsed({ url: 'https://hooks.internal/x', headers: { a: 'b' } }).success).toBe(true);
  for (const wrong of [{}, { command: ['x'], url: 'https://x/' }, { command: [] }, { url: 'ftp://x/' }, { command: ['x'], colour: 'red' }])
    expect(parsed(wrong).success).toBe(false);
  expect(HooksConfig.safeParse({ 'before-lunch': [] }).success).toBe(false);
});

test('of an address only where it leads is shown: the rest may be a secret', () => {
  const [hook] = HooksConfig.parse({ 'on-halt': [{ url: 'https://hooks.internal/services/T0/secret?key=1' }] })['on-halt'];
  expect(hook && hookName(hook)).toBe('https://hooks.internal');
});
