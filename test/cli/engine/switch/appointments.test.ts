/* How the daemon keeps an appointment: its decisions, with a real table and a cutover that only counts. */
import pino from 'pino';
import { expect, test } from 'vitest';
import { Refused } from '../../../../src/change/errors.ts';
import type { Engine } from '../../../../src/cli/engine/engine.ts';
import { appoint, appointments, approve } from '../../../../src/cli/engine/switch/appointments.ts';
import { readWholeAudit } from '../../../../src/postgres/installed/audit.ts';
import { readScheduled, schedule } from '../../../../src/postgres/installed/scheduled.ts';
import type { Session } from '../../../../src/postgres/session/open.ts';
import type { Operations } from '../../../../src/server/operations.ts';
import { world } from '../../../postgres/world.ts';

const engineOf = (side: Session): Engine =>
  ({ side, log: pino({ level: 'silent' }), config: { cutover: { verifyMaxAgeMinutes: 60 } } }) as unknown as Engine;
const never = (): never => {
  throw new Error('not what was asked for');
};

/** Runs until `enough`; `switching` is told how often it was called. Returns how often that was. */
async function run(side: Session, switching: (times: number) => void, enough: (times: number) => boolean | Promise<boolean>) {
  const stop = new AbortController();
  let times = 0;
  const operations: Pick<Operations, 'verify' | 'switch'> = {
    verify: async () => undefined as never,
    switch: async () => {
      switching(++times);
      return undefined as never;
    },
  };
  const running = appointments(engineOf(side), operations, stop.signal);
  try {
    await expect.poll(() => enough(times)).toBe(true);
  } finally {
    stop.abort();
    await running;
  }
  return times;
}

async function approved(side: Session): Promise<void> {
  await appoint(side, { at: null, onApproval: true }, 'alice@db1');
  await approve(side, (await readScheduled(side))!.approval!.askedAt, 'bob@db2');
}
const ago = (side: Session, interval: string) => side.query(`update attacca.scheduled set at = now() - interval '${interval}'`);
const line = async (side: Session, event: string) => (await readWholeAudit(side)).find(entry => entry.event === event);

test('a daemon that was down after the approval makes up for minutes, not for an hour', async () => {
  await using w = await world();
  await approved(w.session);
  await ago(w.session, '5 minutes');
  await run(
    w.session,
    () => undefined,
    times => times === 1,
  );
  expect(await line(w.session, 'scheduled cutover begins')).toMatchObject({ by: 'alice@db1', detail: { approvedBy: 'bob@db2' } });

  await approved(w.session);
  await ago(w.session, '1 hour');
  const missed = () => line(w.session, 'scheduled cutover missed');
  expect(await run(w.session, never, async () => (await missed()) !== undefined)).toBe(0);
  expect(await missed()).toMatchObject({ by: 'alice@db1', detail: { approvedBy: 'bob@db2' } });
  expect(await readScheduled(w.session)).toBeUndefined();
});

test('while something else is under way it stays approved, and is tried again', async () => {
  await using w = await world();
  await approved(w.session);
  const busy = new Refused('busy', [{ code: 'busy', reason: 'verify is under way', remedy: 'wait' }]);
  const twice = (times: number): void => {
    if (times < 3) throw busy;
  };
  await run(w.session, twice, times => times === 3);
  expect(await readScheduled(w.session)).toBeUndefined();
  const { detail } = (await line(w.session, 'scheduled cutover waits'))!;
  expect(detail).toMatchObject({ approvedBy: 'bob@db2', reason: 'verify is under way' });
  const lines = (await readWholeAudit(w.session)).map(({ event }) => event).filter(event => event.startsWith('scheduled'));
  expect(lines, 'once, however often it is tried').toEqual(['scheduled cutover begins', 'scheduled cutover waits']);
});

test('one that fails for any other reason is over, and the next one is kept all the same [G9]', async () => {
  await using w = await world();
  await approved(w.session);
  const once = (times: number): void => {
    if (times === 1) throw new Refused('cutover refused', [{ code: 'lag', reason: 'behind', remedy: 'wait' }]);
  };
  const twice = async (times: number): Promise<boolean> => {
    if (times === 0) return false;
    if (times === 1 && (await readScheduled(w.session)) === undefined) await approved(w.session);
    return times === 2;
  };
  await run(w.session, once, twice);
  expect(await line(w.session, 'scheduled cutover waits')).toBeUndefined();
});

test.each([
  ['copying', null, ['switch']],
  ['shadowing', null, ['verify', 'switch']],
  ['shadowing', '31 minutes', ['verify', 'switch']],
  ['shadowing', '29 minutes', ['switch']],
])(
  'in the phase %s, compared %s ago, it asks for %j: what waits for the first copy would keep everybody else waiting, and begin hours late [G9]',
  async (phase, age, asked) => {
    await using w = await world();
    await approved(w.session);
    await w.session.query('update attacca.control set phase = $1, full_verified_at = now() - $2::interval', [phase, age]);
    const stop = new AbortController();
    const heard: string[] = [];
    const asking = (what: string) => async () => {
      heard.push(what);
      return undefined as never;
    };
    const running = appointments(engineOf(w.session), { verify: asking('verify'), switch: asking('switch') }, stop.signal);
    await expect.poll(() => heard.includes('switch')).toBe(true);
    stop.abort();
    await running;
    expect(heard).toEqual(asked);
  },
);

test('one that is called off, or replaced, between the look and its beginning does not begin [G9]', async () => {
  await using w = await world();
  for (const meanwhile of [
    () => appoint(w.session, { at: null }, 'alice@db1'),
    () => schedule(w.session, { at: null, maxPauseMs: null, by: 'carol@db3', onApproval: true }),
  ]) {
    await approved(w.session);
    let taken = false;
    const side: Session = {
      ...w.session,
      async query(statement, values) {
        if (!String(statement).includes('delete from attacca.scheduled') || taken) return await w.session.query(statement, values);
        await meanwhile();
        const answer = await w.session.query(statement, values);
        taken = true;
        return answer as never;
      },
    };
    expect(await run(side, never, async () => taken)).toBe(0);
    expect(await line(w.session, 'scheduled cutover begins')).toBeUndefined();
  }
  expect((await readScheduled(w.session))?.by).toBe('carol@db3');
});

test('approval says who asked and when it begins; without anything that waits for it, it is refused', async () => {
  await using w = await world();
  await w.session.query(`update attacca.control set phase = 'shadowing'`);
  const refused = { message: 'nothing was approved', blockers: [{ code: 'nothing-to-approve' }] };
  const some = '2026-01-02T03:00:00.000000Z';
  await expect(approve(w.session, some, 'bob@db2')).rejects.toMatchObject(refused);
  const far = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`;
  await appoint(w.session, { at: far }, 'alice@db1');
  await expect(approve(w.session, some, 'bob@db2'), 'it needs none').rejects.toMatchObject(refused);

  expect((await appoint(w.session, { at: far, onApproval: true }, 'alice@db1')).detail).toContain(`attacca approve\`, not before ${far}`);
  await expect(approve(w.session, some, 'bob@db2'), 'another one').rejects.toMatchObject(refused);
  const { askedAt } = (await readScheduled(w.session))!.approval!;
  for (const by of ['bob@db2', 'carol@db3'])
    expect((await approve(w.session, askedAt, by)).detail).toContain(
      `alice@db1 asked for at ${askedAt} is approved: the daemon begins it at ${far}`,
    );

  expect((await appoint(w.session, { at: null, onApproval: true }, 'alice@db1')).detail).toMatch(
    /begins once somebody has run `attacca approve`, if/,
  );
  expect((await approve(w.session, (await readScheduled(w.session))!.approval!.askedAt, 'bob@db2')).detail).toContain('begins it now');

  await w.session.query(`update attacca.control set phase = 'mirroring'`);
  await expect(appoint(w.session, { at: null, onApproval: true }, 'alice@db1')).rejects.toMatchObject({ blockers: [{ code: 'phase' }] });
});
