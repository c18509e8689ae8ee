import { Refused } from '../../../change/errors.ts';
import { preflight } from '../../../postgres/gate/preflight.ts';
import { connect } from '../../../postgres/session/open.ts';
import { type Call, nameOf } from '../../../server/calls.ts';
import { fileControlAt } from '../../../sqlite/capture/control.ts';
import type { Config } from '../../config.ts';
import { identityOf } from '../engine.ts';

/** Throws Refused where the target that was named is another than the daemon's: by another address it may be the same. */
export async function refuseNamedTarget({ source, target, schema }: Config, call: Call): Promise<void> {
  const captured = fileControlAt(source)?.target;
  if (target === undefined || captured === undefined) return;
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
