/* The runners of `npm run test:…`: a word that nobody understands is said so in one line, before anything begins. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
const runners = Object.entries(scripts).flatMap(([name, script]) =>
  name.startsWith('test:') ? (/test\/\S+\.ts$/.exec(script) ?? []) : [],
);

test.each(runners.filter(path => !path.includes('model')))('%s does not take any word', path => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, '--nonsense'], { encoding: 'utf8' });
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^[^\n]*nonsense[^\n]*\n$/);
});
