import { isIPv4 } from 'node:net';

/** Whether only this machine can reach an address. Not a name that looks like one: `127.0.0.1.example` can lead anywhere. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
