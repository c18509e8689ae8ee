import { Refused } from '../../../change/errors.ts';
import { connect, redact } from '../../../postgres/open.ts';
import { preflight } from '../../../postgres/preflight.ts';
import { targetOf } from '../../../server/call.ts';
import { type Call, LOOKING, nameOf } from '../../../server/calls.ts';
import { fileControlAt } from '../../../sqlite/install.ts';
import type { Config } from '../../config.ts';
import { identityOf } from '../engine.ts';

/**
 * Throws Refused where a daemon would carry `call` out on another target than the one that was named: it knows only its own. Where that is
 * named as the daemon names it nobody else need be asked; by another address it may be the same.
 */
export async function refuseNamedTarget({ source, target, schema }: Config, call: Call): Promise<void> {
  if (target === undefined || LOOKING.has(call.operation)) return;
  const theirs = await targetOf(source);
  if (theirs === undefined || theirs === redact(target)) return;
  const captured = fileControlAt(source)?.target;
  if (captured === undefined) return;
  const command = nameOf(call);
  await using session = await connect(target, { applicationName: `attacca ${command}` });
  const named = identityOf({ facts: await preflight(session, schema) });
  if (captured !== named) throw otherTarget(captured, named, command);
}

export const otherTarget = (theirs: string, ours: string, command: string): Refused =>
  new Refused(`${command} refused`, [
    {
      code: 'other-target',
      reason: `this file is captured for the Postgres database ${theirs}, not for ${ours}`,
      remedy: 'name that one with --target; where it is gone, run `attacca uninstall --source FILE` without a target',
    },
  ]);
