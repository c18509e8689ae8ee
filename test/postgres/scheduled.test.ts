/* The cutover that is to begin by itself, and its approval, as they are kept. */
import { expect, test } from 'vitest';
import { readWholeAudit } from '../../src/postgres/installed/audit.ts';
import { keepApproval, putBack, readScheduled, schedule, take, unschedule } from '../../src/postgres/installed/scheduled.ts';
import { world } from './world.ts';

const HOUR_MS = 3_600_000;
const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
const onApproval = { at: null, maxPauseMs: 250, by: 'alice@db1', onApproval: true };

test('one that waits for approval is never due, however long it waits; its approval is the moment from which it is [G9]', async () => {
  await using w = await world();
  await schedule(w.session, onApproval);
  await w.session.query(`update attacca.scheduled set at = now() - interval '1 day'`);
  const waiting = (await readScheduled(w.session))!;
  expect(waiting).toMatchObject({ by: 'alice@db1', maxPauseMs: 250, dueInMs: Number.POSITIVE_INFINITY, approval: { approvedBy: null } });

  expect(await keepApproval(w.session, waiting.approval!.askedAt, 'bob@db2')).toBe(true);
  const approved = (await readScheduled(w.session))!;
  expect(approved.approval).toEqual({ askedAt: waiting.approval!.askedAt, approvedBy: 'bob@db2' });
  expect(approved.dueInMs).toBeLessThanOrEqual(0);
  expect(approved.dueInMs, 'not a day ago').toBeGreaterThan(-HOUR_MS);
  const line = (await readWholeAudit(w.session)).find(({ event }) => event === 'cutover approved');
  expect(line).toMatchObject({ by: 'bob@db2', detail: { askedBy: 'alice@db1' } });

  expect(await keepApproval(w.session, waiting.approval!.askedAt, 'carol@db3'), 'again is harmless').toBe(true);
  expect((await readScheduled(w.session))?.approval?.approvedBy).toBe('bob@db2');
});

test('approval before its time leaves the time as it is', async () => {
  await using w = await world();
  await schedule(w.session, { ...onApproval, at: inMs(2 * HOUR_MS) });
  const { at, approval } = (await readScheduled(w.session))!;
  await keepApproval(w.session, approval!.askedAt, 'bob@db2');
  const approved = (await readScheduled(w.session))!;
  expect(approved.at).toBe(at);
  expect(approved.dueInMs).toBeGreaterThan(HOUR_MS);
});

test('an approval holds for the one that was asked for at that moment, and for no other [G9]', async () => {
  await using w = await world();
  await schedule(w.session, onApproval);
  const first = (await readScheduled(w.session))!.approval!.askedAt;
  expect(await keepApproval(w.session, first, 'bob@db2')).toBe(true);
  await schedule(w.session, { ...onApproval, by: 'carol@db3' });
  expect(await readScheduled(w.session)).toMatchObject({
    by: 'carol@db3',
    dueInMs: Number.POSITIVE_INFINITY,
    approval: { approvedBy: null },
  });
  expect(await keepApproval(w.session, first, 'bob@db2'), 'it was replaced').toBe(false);

  await schedule(w.session, { ...onApproval, at: inMs(HOUR_MS), onApproval: false });
  const { asked } = (await w.session.query('select asked_at as asked from attacca.scheduled')).rows[0]!;
  expect(await keepApproval(w.session, asked!, 'bob@db2'), 'it needs none').toBe(false);
  await unschedule(w.session);
  expect(await keepApproval(w.session, first, 'bob@db2'), 'it was called off').toBe(false);
  expect((await readWholeAudit(w.session)).filter(({ event }) => event === 'cutover approved')).toHaveLength(1);
});

test('it is taken as it was read or not at all, and put back with its approval unless another one took its place [G9]', async () => {
  await using w = await world();
  await schedule(w.session, onApproval);
  await keepApproval(w.session, (await readScheduled(w.session))!.approval!.askedAt, 'bob@db2');
  const read = (await readScheduled(w.session))!;
  expect(await take(w.session, read)).toBe(true);
  await putBack(w.session, read);
  const { version: _, dueInMs, ...back } = (await readScheduled(w.session))!;
  expect(read).toMatchObject(back);
  expect(dueInMs).toBeLessThanOrEqual(0);

  await schedule(w.session, { ...onApproval, by: 'carol@db3' });
  expect(await take(w.session, read), 'replaced').toBe(false);
  await putBack(w.session, read);
  expect((await readScheduled(w.session))?.by).toBe('carol@db3');
  await unschedule(w.session);
  expect(await take(w.session, read), 'called off').toBe(false);
});
