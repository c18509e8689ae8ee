/* A flag that lives in somebody else's service, through a cutover and back. */
import { expect, test } from 'vitest';
import type { StatusDocument, SwitchDocument } from '../../src/server/documents.ts';
import { TOKEN, unleash, unleashFlag } from '../flag/unleash.ts';
import { buildShop } from '../support/shop.ts';
import { openWorld } from '../support/world.ts';

const caughtUp = ({ phase, lag }: StatusDocument): boolean => phase === 'shadowing' && lag?.changes === '0';

test('the gate names a flag that cannot be written or names the other side; a cutover and a rollback switch it [G9]', async () => {
  await using server = await unleash();
  const env = { UNLEASH_TOKEN: TOKEN };
  await using world = await openWorld(buildShop(50), { flag: unleashFlag(server.url) }, { env });
  world.start();
  await world.until(caughtUp);
  await world.json(0, 'verify');
  const blockers = async (direction: string): Promise<string[]> => {
    const { blockers } = await world.json<SwitchDocument>(3, direction, '--dry-run');
    return blockers.map(({ code, reason }) => `${code}: ${reason}`);
  };

  server.fault = 'read-only';
  expect(await blockers('cutover')).toEqual([expect.stringMatching(/^flag: .* answered with status 403$/)]);
  server.fault = 'none';
  server.enabled = true;
  expect(await blockers('cutover')).toEqual([expect.stringMatching(/^flag: .* names PostgreSQL, although SQLite is primary/)]);
  server.enabled = false;

  await world.json(0, 'cutover', '--yes');
  expect(server.enabled).toBe(true);
  await world.until(({ phase }) => phase === 'mirroring');
  server.enabled = false;
  expect(await blockers('rollback')).toEqual([expect.stringMatching(/^flag: .* names SQLite, although PostgreSQL is primary/)]);
  server.enabled = true;
  await world.json(0, 'rollback', '--yes');
  expect(server.enabled).toBe(false);
  expect(world.daemon().log()).not.toContain(TOKEN);
});
