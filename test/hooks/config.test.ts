// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is written so is what is read
import { expect, test } from 'vitest';
import { callHook, hookName } from '../../src/hooks/call.ts';
import { HooksConfig } from '../../src/hooks/config.ts';

const parsed = (hook: object) => HooksConfig.safeParse({ 'after-switch': [hook] });

test('a hook is a command or a request, never both or neither', () => {
  expect(parsed({ command: ['/bin/true'] }).success).toBe(true);
  expect(parsed({ url: 'https://hooks.internal/x', headers: { a: 'b' } }).success).toBe(true);
  for (const wrong of [{}, { command: ['x'], url: 'https://x/' }, { command: [] }, { url: 'ftp://x/' }, { command: ['x'], colour: 'red' }])
    expect(parsed(wrong).success).toBe(false);
  expect(HooksConfig.safeParse({ 'before-lunch': [] }).success).toBe(false);
});

const SECRET = 'T0/secret?key=1';
const only = (url: string) => {
  const [hook] = HooksConfig.parse({ 'on-halt': [{ url }] })['on-halt'];
  if (hook === undefined) throw new Error('no hook');
  return hook;
};

test.each([
  [`https://hooks.internal/${SECRET}`, 'https://hooks.internal'],
  [`\${HOOKS}/${SECRET}`, '${HOOKS}'],
  [`\${file:/run/secrets/hooks}/${SECRET}`, '${file:/run/secrets/hooks}'],
])('of an address only where it leads is shown, the rest may be a secret: %s', (url, shown) => {
  expect(hookName(only(url))).toBe(shown);
});

test.each([
  [`https://hooks.internal:99999/${SECRET}`, 'https://hooks.internal:99999'],
  [`\${HOOKS}/${SECRET}`, '${HOOKS}'],
])('nor is it when it is no address: %s', async (url, shown) => {
  await expect(callHook(only(url), {}, { HOOKS: 'hooks.internal' })).rejects.toThrow(new Error(`${shown} does not make an address`));
});
