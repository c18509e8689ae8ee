/* The log: who asked for what, with which positions and digests; exported before it goes. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type AuditDocument, AuditDocument as Document, type StatusDocument, type SwitchDocument } from '../../src/server/documents.ts';
import { buildShop } from '../support/shop.ts';
import { attacca, caughtUp, openWorld } from '../support/world.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

test('every line says who, where, with which version and positions; what was decided can be checked against the reports [G9]', async () => {
  await using world = await openWorld(buildShop(50));
  const daemon = world.start();
  await world.until(caughtUp);
  const config = join(world.folder, 'attacca.config.json');
  expect((await world.run('cutover', '--yes')).code).toBe(3); // never verified
  expect((await attacca(['finish', '--yes', '--config', config], { env: { SUDO_USER: 'bob' } })).code).toBe(3); // SQLite is primary
  const report = await attacca(['verify', '--json', '--config', config], { env: { SUDO_USER: 'alice' } });
  const switched = await world.json<SwitchDocument>(0, 'cutover', '--yes');

  const { entries } = Document.parse(await world.json<AuditDocument>(0, 'audit'));
  const here = `${userInfo().username}@${hostname()}`;
  expect([...new Set(entries.map(({ version, role, by }) => `${version} ${role} ${by}`))].sort()).toEqual(
    ['alice', 'bob', userInfo().username].map(user => `${version} ${userOf(world.pg.url)} ${user}@${hostname()}`).sort(),
  );
  const line = (event: string) => entries.find(entry => entry.event === event);
  expect(line('asked: verify')).toMatchObject({ by: `alice@${hostname()}` });
  expect(line('cutover refused')).toMatchObject({ by: here, detail: { reasons: ['not-verified'] } });
  expect(line('finish refused')).toMatchObject({ by: `bob@${hostname()}`, detail: { reasons: ['phase'] } });
  expect(line('report')?.detail).toMatchObject({ sha256: createHash('sha256').update(report.stdout).digest('hex'), differences: 0 });
  const fenced = world.app.prepare('select seq, lsn from _attacca_control').get() as { seq: number; lsn: string };
  expect(line('cutover done')?.detail).toMatchObject({
    epoch: switched.epoch,
    pauseMs: switched.pauseMs,
    sqlite: { primary: 'postgres', epoch: switched.epoch, seq: String(fenced.seq) },
  });
  const phases = entries.filter(({ event }) => event.includes('→')).map(({ event, detail }) => `${event} ${detail.epoch}`);
  expect(phases.slice(-2)).toEqual(['verifying → switching 1', 'switching → mirroring 1']);
  expect((await world.json<StatusDocument>(0, 'status')).timeline.at(-1)?.by).toBe(here);

  const unwritable = await world.run('finish', '--yes', '--audit', join(world.folder, 'nowhere', 'audit.json'));
  expect([unwritable.code, (await world.json<StatusDocument>(0, 'status')).phase]).toEqual([2, 'mirroring']);
  const csv = (await world.run('audit', '--csv')).stdout;
  expect(csv).toMatch(/^id,at,event,by,version,role,detail\r\n1,\d{4}-\d\d-\d\dT[\d:.]+Z,installed,/);
  await world.json(0, 'finish', '--yes', '--audit', join(world.folder, 'audit.csv'));
  expect(await daemon.exited).toBe(0);
  const kept = readFileSync(join(world.folder, 'audit.csv'), 'utf8');
  expect(kept.startsWith(csv)).toBe(true);
  expect(kept).toContain('mirroring → finished');
});

test('without a daemon the log is read from Postgres, and uninstall writes it before it goes', async () => {
  await using world = await openWorld(buildShop(20));
  expect((await world.run('sync', '--once')).code).toBe(0);
  const { entries } = await world.json<AuditDocument>(0, 'audit');
  expect(entries[0]).toMatchObject({ event: 'installed', detail: { tables: 4 } });
  const file = join(world.folder, 'audit.json');
  await world.json(0, 'uninstall', '--yes', '--audit', file);
  expect(existsSync(file) && Document.parse(JSON.parse(readFileSync(file, 'utf8'))).entries.at(-1)?.event).toBe('asked: uninstall');
  expect((await world.run('audit')).code).toBe(3);
});

const userOf = (url: string): string => new URL(url).username;
