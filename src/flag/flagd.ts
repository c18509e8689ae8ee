import type { FlagConfig } from './config.ts';
import type { FlagState } from './flag.ts';
import { type Format, nameOf, stateOf, unreadable } from './format.ts';
import { edit, member, parse, scalar } from './json.ts';
import { setMember } from './json-text.ts';

/**
 * A flag of an OpenFeature flagd document: `defaultVariant` names the primary side, `metadata.epoch` holds the epoch. The
 * variants are named by the configuration's values for sqlite and postgres.
 */
export const flagd: Format = {
  read(text, config) {
    const document = parse(text, config);
    const flag = ['flags', config.key];
    return stateOf(scalar(document, [...flag, 'defaultVariant'], config), scalar(document, [...flag, 'metadata', 'epoch'], config), config);
  },
  write(text = '{\n  "$schema": "https://flagd.dev/schema/v0/flags.json"\n}\n', config, state) {
    const document = parse(text, config);
    const flag = ['flags', config.key];
    if (member(document, flag) === undefined) return edit(config, () => setMember(text, flag, newFlag(config, state)));
    const obstacle = obstacleOf(document, config);
    if (obstacle !== undefined) throw unreadable(config, obstacle);
    const switched = edit(config, () => setMember(text, [...flag, 'defaultVariant'], JSON.stringify(nameOf(state, config))));
    return edit(config, () => setMember(switched, [...flag, 'metadata', 'epoch'], String(state.epoch)));
  },
  obstacle: (text, config) => obstacleOf(parse(text, config), config),
};

function newFlag(config: FlagConfig, state: FlagState): string {
  return JSON.stringify({
    state: 'ENABLED',
    variants: { [config.sqlite]: config.sqlite, [config.postgres]: config.postgres },
    defaultVariant: nameOf(state, config),
    metadata: { epoch: Number(state.epoch) },
  });
}

/** flagd answers with `defaultVariant` only for an enabled flag without targeting rules. */
function obstacleOf(document: unknown, config: FlagConfig): string | undefined {
  const of = (...path: readonly string[]) => member(document, ['flags', config.key, ...path]);
  if (of() === undefined) return undefined;
  if (of('state') !== 'ENABLED') return `flag ${config.key} is not ENABLED, so its variant is not used`;
  const targeting = of('targeting');
  if (typeof targeting === 'object' && targeting !== null && Object.keys(targeting).length > 0)
    return `flag ${config.key} has targeting rules, which override its default variant`;
  const absent = [config.sqlite, config.postgres].find(name => of('variants', name) === undefined);
  return absent === undefined ? undefined : `flag ${config.key} has no variant named '${absent}'`;
}
