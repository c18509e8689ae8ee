/*
 * Named points before and after every call of a port: a test can have this process killed there, and a timeline shows how long each
 * call took. In normal use ports are not wrapped at all.
 */
import { spawnSync } from 'node:child_process';
import { openSync, writeSync } from 'node:fs';

/** What ATTACCA_DIE_AT or ATTACCA_TIMELINE ask for. */
export function reachedBy(env: NodeJS.ProcessEnv): Reached | undefined {
  if (env.ATTACCA_DIE_AT !== undefined) return dieAt(env.ATTACCA_DIE_AT);
  return env.ATTACCA_TIMELINE === undefined ? undefined : timelineIn(env.ATTACCA_TIMELINE);
}

/** Told each point as it is reached: `postgres.apply:before`, `postgres.apply:after`, … */
export type Reached = (point: string) => void;

/**
 * `point`, or `point#3` for the third time it is reached: there the process dies as by `kill -9`, and says where on stderr. `*` is
 * any point. With a `~` before it, counting begins with SIGUSR2. With a `!` it only stops there, as by SIGSTOP, and goes on with SIGCONT.
 */
function dieAt(spec: string): Reached {
  const [, later = '', only = '', wanted = '', times = '1'] = /^(~?)(!?)([^#]*)(?:#(\d+))?$/.exec(spec) ?? [];
  let counting = later === '';
  if (!counting) process.on('SIGUSR2', () => (counting = true));
  let left = Number(times);
  return point => {
    if (!counting || (wanted !== '*' && point !== wanted) || --left > 0) return;
    if (only !== '') {
      counting = false;
      // Said by another process, once this one has stopped: who hears it may send SIGCONT at once.
      spawnSync('/bin/sh', ['-c', 'kill -STOP "$0"; echo "stopped at $1" >&2', `${process.pid}`, point], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      return;
    }
    writeSync(2, `died at ${point}\n`);
    process.kill(process.pid, 'SIGKILL');
    // The signal is on its way: nothing more may happen here.
    for (;;);
  };
}

/** Writes a line for each point as it is reached, with the time in ms: where the time of a switch goes. */
function timelineIn(path: string): Reached {
  const file = openSync(path, 'a');
  return point => void writeSync(file, `${performance.now().toFixed(3)} ${point}\n`);
}

/** The port with every method announced before and after it. Without `reached` it is the port itself. */
export function watched<T extends object>(name: string, port: T, reached: Reached | undefined): T {
  if (reached === undefined) return port;
  return new Proxy(port, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property);
      if (typeof member !== 'function' || typeof property === 'symbol') return member;
      return (...given: unknown[]): unknown => {
        const point = `${name}.${property}`;
        reached(`${point}:before`);
        const result: unknown = member.apply(target, given);
        if (!(result instanceof Promise)) {
          reached(`${point}:after`);
          return result;
        }
        return result.then(value => {
          reached(`${point}:after`);
          return value;
        });
      };
    },
  });
}
