import { z } from 'zod';
import { ReplicationError } from '../change/errors.ts';
import { commandPlace } from './command.ts';
import { FlagConfig } from './config.ts';
import { fileFlag } from './file.ts';
import type { FlagContext, FlagProvider } from './flag.ts';
import { httpPlace } from './http.ts';
import { place } from './place.ts';
import { rowPlace } from './row.ts';

const filePlace = place(FlagConfig, fileFlag);

/** Every other kind of place there is; one more is a file of its own and a name here. */
const PLACES = [httpPlace, commandPlace, rowPlace] as const;

const KINDS = ['file', ...PLACES.map(({ config }) => config.shape.kind.value)];

export const FlagPlaces = z.discriminatedUnion('kind', [filePlace.config, ...PLACES.map(({ config }) => config)], {
  error: `must be an object whose kind is one of ${KINDS.join(', ')}`,
});
export type FlagPlaces = z.infer<typeof FlagPlaces>;

/** Opens the flag where the configuration says it lives. */
export function openFlag(config: FlagPlaces, context: FlagContext): FlagProvider {
  for (const { open } of [filePlace, ...PLACES]) {
    const flag = open(config, context);
    if (flag !== undefined) return flag;
  }
  throw new ReplicationError('halt', 'no place is known for this flag', { hint: 'see deploy/configuration.md, "The flag"' });
}
