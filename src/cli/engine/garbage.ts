import { setFlagsFromString } from 'node:v8';

/**
 * Lets V8 give the objects of this process more room again. Until then (bin.cts) they have little: loading our modules would make it take
 * 50 MB that it never gives back, and the threads of the first copy 5 MB of garbage. That needs neither; replay is faster with it.
 */
export function allowGarbage(): void {
  setFlagsFromString('--semi-space-growth-factor=2');
  setFlagsFromString('--no-optimize-for-size');
}
