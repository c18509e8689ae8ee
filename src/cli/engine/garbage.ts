import { setFlagsFromString } from 'node:v8';

/**
 * Lets V8 give the young objects of this process more room again. Until then (bin.cts) they have little: loading our modules would
 * make it take 50 MB that it never gives back, and the first copy needs none of them. Replay is faster with it.
 */
export const allowGarbage = (): void => setFlagsFromString('--semi-space-growth-factor=2');
