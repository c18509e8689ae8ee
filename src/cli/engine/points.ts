/*
 * Named points at which a test can have this process killed: before and after every call of a port. In normal use ports are
 * not wrapped at all.
 */

/** Told each point as it is reached: `postgres.apply:before`, `postgres.apply:after`, … */
export type Reached = (point: string) => void;

/** `point` or `point#3` (the third time): there the process dies as by `kill -9`. */
export function dieAt(spec: string): Reached {
  const [wanted = '', times = '1'] = spec.split('#');
  let left = Number(times);
  return point => {
    if (point !== wanted || --left > 0) return;
    process.kill(process.pid, 'SIGKILL');
    // The signal is on its way: nothing more may happen here.
    for (;;);
  };
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
