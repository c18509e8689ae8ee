/* The flagd document as flagd's own evaluator reads it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlagdCore } from '@openfeature/flagd-core';
import { expect, test } from 'vitest';
import { FlagConfig } from '../../src/flag/config.ts';
import { fileFlag } from '../../src/flag/file.ts';

const ignore = (): void => undefined;
const SILENT = { error: ignore, warn: ignore, info: ignore, debug: ignore };
const THEIRS = { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'off' };

test.each([
  ['a new document', undefined],
  ['a document with other flags', JSON.stringify({ flags: { theirs: THEIRS } }, null, 2)],
])('flagd answers with the side and the epoch that were written: %s', async (_, before) => {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-flagd-'));
  const path = join(folder, 'flags.json');
  if (before !== undefined) writeFileSync(path, before);
  const flag = fileFlag(FlagConfig.parse({ path, format: 'flagd', key: 'primary-database' }));
  const flagd = new FlagdCore();
  for (const [primary, value, epoch] of [
    ['sqlite', 'sqlite', 1n],
    ['postgres', 'postgresql', 2n],
    ['sqlite', 'sqlite', 3n],
  ] as const) {
    await flag.write({ primary, epoch });
    flagd.setConfigurations(readFileSync(path, 'utf8'));
    expect(flagd.resolveStringEvaluation('primary-database', 'unknown', {}, SILENT)).toMatchObject({
      value,
      reason: 'STATIC',
      flagMetadata: { epoch: Number(epoch) },
    });
  }
  if (before !== undefined) expect(flagd.resolveBooleanEvaluation('theirs', true, {}, SILENT).value).toBe(false);
  rmSync(folder, { recursive: true });
});
