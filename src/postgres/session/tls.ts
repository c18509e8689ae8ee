import { UsageError } from '../../change/errors.ts';
import { codeOf } from './errors.ts';
import { parameterIn } from './limit.ts';

/** Those that the driver knows: any other it would take for verify-full. */
const MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

/**
 * The URL with `sslmode` as the driver takes it: the three that are less elsewhere are `verify-full` to it too, of which it warns in words
 * of its own at every start. Throws UsageError for one that there is not.
 */
export function asVerified(url: string): string {
  const mode = parameterIn(url, 'sslmode');
  if (mode !== undefined && !MODES.includes(mode))
    throw new UsageError(`sslmode=${mode} in the target is not a known mode`, `give one of ${MODES.join(', ')}`);
  return /[?&]uselibpqcompat=true/.test(url) ? url : url.replace(/([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/, '$1verify-full');
}

/** A file that the URL names, of a CA, a certificate or a key, and that cannot be read; undefined for any other error. */
export function unreadFile(error: unknown): UsageError | undefined {
  if (!(error instanceof Error) || !('path' in error)) return undefined;
  const reason = `the file ${error.path} that the target names cannot be read (${codeOf(error)})`;
  return new UsageError(reason, 'check the paths after sslrootcert=, sslcert= and sslkey= in the URL, and the rights of those files');
}
