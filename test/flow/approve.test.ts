/* A cutover that one person asks for and another one lets begin. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AuditDocument, DoneDocument } from '../../src/server/documents.ts';
import { buildShop } from '../support/shop.ts';
import { attacca, caughtUp, flagOf, openWorld, type Ran } from '../support/world.ts';

test('nothing begins before somebody has approved it, also after a restart; the log names who asked and who approved [G9]', async () => {
  await using world = await openWorld(buildShop(40));
  const as = (who: string, ...words: string[]): Promise<Ran> =>
    attacca([...words, '--json', '--config', join(world.folder, 'attacca.config.json')], { env: { SUDO_USER: who } });
  const done = ({ code, stdout, stderr }: Ran): string => {
    expect(code, stderr).toBe(0);
    return DoneDocument.parse(JSON.parse(stdout)).detail;
  };
  const refused = async (ran: Promise<Ran>, code: number, says: string): Promise<void> => {
    const { stdout, ...rest } = await ran;
    expect(rest).toMatchObject({ code, stderr: expect.stringContaining(says) });
  };
  const [alice, bob] = [`alice@${hostname()}`, `bob@${hostname()}`];
  await refused(as('alice', 'cutover', '--on-approval', '--yes'), 3, 'no-daemon');
  await refused(as('bob', 'approve', '--yes'), 3, 'no-daemon');
  const first = world.start();
  await world.until(caughtUp);
  await refused(as('bob', 'approve', '--yes'), 3, 'nothing-to-approve');
  await refused(as('alice', 'cutover', '--on-approval'), 2, 'nobody can be asked here');
  for (const other of ['--dry-run', '--cancel'])
    await refused(as('alice', 'cutover', '--on-approval', other, '--yes'), 2, 'cannot be used with');

  // Approved for later, and called off.
  const far = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`;
  await refused(as('alice', 'cutover', '--at', far, '--yes'), 0, '');
  await refused(as('bob', 'approve', '--yes'), 3, 'nothing-to-approve');
  done(await as('alice', 'cutover', '--on-approval', '--at', far, '--yes'));
  expect((await world.run('status')).stdout).toContain(`, not before ${far} → attacca cutover --dry-run`);
  for (const _ of ['once', 'again']) expect(done(await as('bob', 'approve', '--yes'))).toContain(`begins it at ${far}`);
  expect((await world.run('status')).stdout).toContain(`cutover at ${far}, by ${alice}, approved by ${bob}`);
  expect(done(await as('alice', 'cutover', '--cancel'))).toContain('called off');
  await refused(as('bob', 'approve', '--yes'), 3, 'nothing-to-approve');

  done(await as('alice', 'cutover', '--on-approval', '--yes'));
  first.process.kill('SIGTERM');
  await first.exited;
  await refused(as('bob', 'approve', '--yes'), 3, 'no-daemon');
  world.start();
  const { scheduled } = await world.until(caughtUp);
  expect(scheduled).toMatchObject({ by: alice, approval: { approvedBy: null } });
  expect((await world.run('status')).stdout).toMatch(
    new RegExp(`cutover waits for \`attacca approve\`, asked for by ${alice} at \\S+ → attacca`),
  );
  await refused(as('bob', 'approve'), 2, 'nobody can be asked here');
  expect(flagOf(world)).not.toBe('postgresql');

  expect(done(await as('bob', 'approve', '--yes'))).toMatch(
    new RegExp(`that ${alice} asked for at \\S+ is approved: the daemon begins it now`),
  );
  await world.until(status => status.phase === 'mirroring' && status.scheduled === null);
  expect(flagOf(world)).toBe('postgresql');
  expect(await world.differences()).toEqual([]);
  const { entries } = AuditDocument.parse(await world.json(0, 'audit'));
  const last = (event: string) => entries.findLast(entry => entry.event === event);
  expect(last('asked: schedule')).toMatchObject({ by: alice, detail: { onApproval: true } });
  expect(last('cutover approved')).toMatchObject({ by: bob, detail: { askedBy: alice } });
  expect(last('scheduled cutover begins')).toMatchObject({ by: alice, detail: { approvedBy: bob } });
  expect(Number(last('cutover approved')?.id)).toBeLessThan(Number(last('scheduled cutover begins')?.id));
  await refused(as('bob', 'approve', '--yes'), 3, 'nothing-to-approve');
  await refused(as('alice', 'cutover', '--on-approval', '--yes'), 3, 'phase');
});
