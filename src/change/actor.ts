import { hostname, userInfo } from 'node:os';

/** Who acts, for the log: the user of this process, or whoever became it by sudo, and the machine. */
export const actor = (env: NodeJS.ProcessEnv = {}): string => `${env.SUDO_USER ?? user()}@${hostname()}`;

/** In a container the number may have no name. */
function user(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
