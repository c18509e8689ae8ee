/* What stands in the way of a switch on either side, gathered for the gate. */
import { dirname } from 'node:path';
import { type Blocker, isTransient, Refused } from '../../../change/errors.ts';
import type { Direction } from '../../../cutover/gate.ts';
import { clockSkew, failingSlot, holders, tightLimits } from '../../../postgres/gate/headroom.ts';
import { barred, bypasses, firing, identities, notValid, outOfReach, unpublished } from '../../../postgres/gate/obstacles.ts';
import type { Session } from '../../../postgres/session/open.ts';
import { lockHolders } from '../../../sqlite/file/lock-holders.ts';
import { hold } from '../../../sqlite/mirror/hold.ts';
import { openSource } from '../../../sqlite/open.ts';
import { lacking } from '../../../sqlite/schema/lacking.ts';
import { readSchema } from '../../../sqlite/schema/tables.ts';
import type { Installed } from '../engine.ts';
import { freeIn } from '../keep/backup.ts';
import { aheadOf } from '../mirror/ahead.ts';
import { streamOf } from '../stream-names.ts';

const MEGABYTE = 2 ** 20;

/** Everything found now that would not be over within `maxPauseMs`. Changes nothing; takes SQLite's write lock for a moment before a cutover. */
export async function obstaclesTo(on: Installed, direction: Direction, maxPauseMs: number): Promise<Blocker[]> {
  const { engine, plan, writer } = on;
  const { cutover, source } = engine.config;
  const { side } = engine;
  const both = [
    ...(await bypasses(side, plan)),
    ...(await identities(side, plan)),
    ...(await outOfReach(side, plan)),
    ...(await skewed(side, cutover.maxClockSkewMs)),
  ];
  const space = await full(source, side, cutover.minFreeMegabytes);
  if (direction === 'cutover')
    return [
      ...both,
      ...space,
      ...unwritable(on),
      ...(await notValid(side, plan)),
      ...(await barred(side, plan, cutover.roles)),
      ...(await tightLimits(side)),
      ...(await locked(source, maxPauseMs)),
    ];
  const { slot, publication } = streamOf(on);
  return [
    ...both,
    ...space,
    ...(await aheadOf(on)),
    ...(await unpublished(side, plan, publication)),
    ...(await firing(side, plan, writer.replicaRole)),
    ...(await failingSlot(side, slot)),
    ...(await holders(side, plan, maxPauseMs)),
  ];
}

/** Tables that have come to need what only the application has since they were first read: the mirror could not write them. */
function unwritable({ engine, plan }: Installed): Blocker[] {
  using db = openSource(engine.config.source, { readonly: true });
  const planned = new Set(plan.tables.map(({ name }) => name));
  return lacking(
    db,
    readSchema(db).tables.filter(({ name }) => planned.has(name)),
  );
}

async function skewed(session: Session, mostMs: number): Promise<Blocker[]> {
  const skew = await clockSkew(session, Date.now);
  if (Math.abs(skew) <= mostMs) return [];
  const seconds = (Math.abs(skew) / 1_000).toFixed(1);
  return [
    {
      code: 'clock',
      reason: `the clock of Postgres is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} the clock here: times that the databases set would jump at the switch`,
      remedy: 'set both clocks (NTP), or allow more with cutover.maxClockSkewMs',
    },
  ];
}

/** The lock, had within the pause that a cutover may take, is given back at once. Whoever keeps it for good, an application in locking_mode=EXCLUSIVE or a forgotten transaction, would spend the pause. */
async function locked(source: string, budgetMs: number): Promise<Blocker[]> {
  try {
    (await hold(source, budgetMs)).release();
    return [];
  } catch (error) {
    const exclusive = error instanceof Refused && error.blockers.some(({ code }) => code === 'source-locked');
    if (!exclusive && !isTransient(error)) throw error;
  }
  const pids = lockHolders(source);
  const who = pids.length === 0 ? 'another process' : `process ${pids.join(', ')}`;
  return [
    {
      code: 'source-busy',
      reason: `${who} has held the write lock of the SQLite file for ${budgetMs} ms: an open transaction, or locking_mode=EXCLUSIVE`,
      remedy: 'end that transaction, or set locking_mode=NORMAL there',
    },
  ];
}

const DATA = /* sql */ `select setting as folder, inet_client_addr() is null or inet_client_addr() = inet_server_addr() as here
  from pg_settings where name = 'data_directory'`;

/** Free space of both disks; of Postgres's only where it is on this machine and the role may know where. */
async function full(source: string, session: Session, leastMegabytes: number): Promise<Blocker[]> {
  const { folder = null, here } = (await session.query(DATA)).rows[0] ?? {};
  const disks = [{ name: 'the disk of the SQLite file', path: dirname(source) }];
  if (here === 't' && folder !== null) disks.push({ name: 'the disk of Postgres', path: folder });
  const found: Blocker[] = [];
  for (const { name, path } of disks) {
    const free = await freeMegabytes(path);
    if (free === undefined || free >= leastMegabytes) continue;
    const reason = `${name} has ${free} MB left, less than cutover.minFreeMegabytes (${leastMegabytes})`;
    found.push({ code: 'disk', reason, remedy: 'make room there, or allow less' });
  }
  return found;
}

async function freeMegabytes(path: string): Promise<number | undefined> {
  try {
    return Math.floor((await freeIn(path)) / MEGABYTE);
  } catch {
    return undefined; // of a server in a container, or a folder that we may not see
  }
}
