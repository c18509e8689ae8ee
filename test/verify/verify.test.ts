import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PgRow } from '../../src/change/change.ts';
import type { TablePlan } from '../../src/plan/plan.ts';
import { comparer } from '../../src/verify/compare.ts';
import { type Round, type Verification, type Verified, verifyAll, verifyMarked } from '../../src/verify/verify.ts';
import { ITEM, type MemorySource, type MemoryTarget, memorySource, memoryTarget, misfit, nameOf, PAIR, PLAN } from '../support/memory.ts';

const SAME = { source: expect.stringMatching(/^[0-9a-f]{64}$/), target: expect.stringMatching(/^[0-9a-f]{64}$/) };

type World = { readonly source: MemorySource; readonly target: MemoryTarget };

const never = new AbortController().signal;

/** Both sides equal: 8 items, 5 pairs, one item of which does not fit. */
async function filled(): Promise<World> {
  const source = memorySource();
  const target = memoryTarget();
  for (let id = 1; id <= 8; id++) source.put(ITEM, [`${id}`, `name ${id}`, `${id / 4}`]);
  for (let b = 1; b <= 5; b++) source.put(PAIR, [b % 2 === 0 ? null : `i:${b}`, `${b}`, `a${b}`]);
  source.putMisfit(ITEM, ['9']);
  await target.apply(source.state().marked(0n as never));
  return { source, target };
}

/** `between` runs before each state is taken; every chunk is read at a state of its own unless `anchorMs` is longer. */
function full(
  { source, target }: World,
  between: () => Promise<void> | void = () => undefined,
  more: Partial<Verification> = {},
  signal = never,
): Promise<Verified> {
  let now = 0;
  return verifyAll(
    {
      tables: PLAN.tables,
      async pin() {
        await between();
        return { source: source.state(), target: target.state(), primary: 'sqlite' };
      },
      onProgress: () => undefined,
      anchorMs: 300,
      now: () => (now += 1_000),
      ...more,
    },
    signal,
  );
}

const row = (tables: Map<number, Map<string, PgRow>>, table: TablePlan, name: string): PgRow => tables.get(table.id)!.get(name)!;

test('equal sides: everything was compared, everything was counted, nothing differs', async () => {
  const { ok, position, tables, differences } = await full(await filled());
  expect({ ok, seq: position.seq, differences }).toEqual({ ok: true, seq: 14n, differences: [] });
  expect(tables).toEqual([
    { table: 'item', compared: 8, counts: { sourceRows: 9, targetRows: 8, quarantined: 1 }, digests: SAME, differences: 0, samples: [] },
    { table: 'pair', compared: 5, counts: { sourceRows: 5, targetRows: 5, quarantined: 0 }, digests: SAME, differences: 0, samples: [] },
  ]);
  for (const { digests } of tables) expect(digests?.source).toBe(digests?.target);
});

test('a stretch that differs is compared to its end, though its rows come one at a time', async () => {
  const { source, target } = await filled();
  for (const id of [1, 4, 7]) target.tables.get(1)!.set(`["i:${id}"]`, [`${id}`, 'another', `${id / 4}`]);
  const { tables, differences } = await full({ source, target }, undefined, {
    async pin() {
      const state = source.state(100);
      const chunk: typeof state.chunk = (table, cursor) => state.chunk(table, cursor, 1);
      return { source: { ...state, chunk }, target: target.state(), primary: 'sqlite' };
    },
  });
  expect(tables.map(({ compared }) => compared)).toEqual([8, 5]);
  expect(differences.map(({ key }) => key)).toEqual(['["i:1"]', '["i:4"]', '["i:7"]']);
});

test('of a stretch with rows that do not fit the others are compared once: what follows is the next one’s', async () => {
  const { source, target } = await filled();
  source.putMisfit(ITEM, ['2']);
  await target.apply(source.state().marked(0n as never));
  const { tables, differences } = await full({ source, target }, undefined, {
    pin: async () => ({ source: source.state(3), target: target.state(), primary: 'sqlite' }),
  });
  expect([tables[0]?.compared, differences]).toEqual([7, []]);
});

test.each<{ what: string; plant: (world: World) => void; found: object[] }>([
  {
    what: 'a missing row',
    plant: ({ target }) => target.tables.get(1)!.delete('["i:3"]'),
    found: [{ table: 'item', key: '["i:3"]', kind: 'missing', columns: [] }],
  },
  {
    what: 'an extra row',
    plant: ({ target }) => target.tables.get(2)!.set('["t:z","i:9"]', [null, '9', 'z']),
    found: [{ table: 'pair', key: '["t:z","i:9"]', kind: 'extra', columns: [] }],
  },
  {
    what: 'a missing and an extra row of one table, whose counts agree',
    plant({ target }) {
      target.tables.get(1)!.delete('["i:3"]');
      target.tables.get(1)!.set('["i:30"]', ['30', 'name 3', '0.75']);
    },
    found: [
      { table: 'item', key: '["i:3"]', kind: 'missing', columns: [] },
      { table: 'item', key: '["i:30"]', kind: 'extra', columns: [] },
    ],
  },
  {
    what: 'another column',
    plant: ({ target }) => target.tables.get(1)!.set('["i:8"]', ['8', 'name 8', '2.0000000000000004']),
    found: [{ table: 'item', key: '["i:8"]', kind: 'different', columns: ['price'] }],
  },
  {
    what: 'NULL that became an empty text',
    plant({ source, target }) {
      source.put(ITEM, ['1', null, null]);
      target.tables.get(1)!.set('["i:1"]', ['1', '', null]);
    },
    found: [{ table: 'item', key: '["i:1"]', kind: 'different', columns: ['name'] }],
  },
  {
    what: 'a row that does not fit and that nobody put in quarantine',
    plant: ({ target }) => target.quarantine.get(1)!.clear(),
    found: [{ table: 'item', key: '["i:9"]', kind: 'missing', columns: ['price'] }],
  },
  {
    what: 'an old version of a row in quarantine',
    plant: ({ target }) => target.tables.get(1)!.set('["i:9"]', ['9', 'old', null]),
    found: [{ table: 'item', key: '["i:9"]', kind: 'different', columns: ['price'] }],
  },
  {
    what: 'an extra row where another one is in quarantine',
    plant: ({ target }) => target.tables.get(1)!.set('["i:10"]', ['10', null, null]),
    found: [{ table: 'item', key: '["i:10"]', kind: 'extra', columns: [] }],
  },
  {
    what: 'another text of the same REAL is none',
    plant: ({ target }) => target.tables.get(1)!.set('["i:4"]', ['4', 'name 4', '1.0']),
    found: [],
  },
  {
    what: 'a row that Postgres refused is accounted for by its quarantine',
    plant({ source, target }) {
      source.put(ITEM, ['11', 'refused', null]);
      target.quarantine.get(1)!.add('["i:11"]');
    },
    found: [],
  },
])('$what', async ({ plant, found }) => {
  const world = await filled();
  plant(world);
  const { ok, tables, differences } = await full(world);
  expect(differences).toEqual(found);
  expect(ok).toBe(found.length === 0);
  expect(tables.reduce((sum, table) => sum + table.differences, 0)).toBe(found.length);
});

const ids = fc.integer({ min: 1, max: 12 });
const op = fc.oneof(
  fc.record({ op: fc.constant('put' as const), id: ids, value: fc.constantFrom(null, '', 'x', 'y') }),
  fc.record({ op: fc.constant('remove' as const), id: ids }),
  fc.record({ op: fc.constant('misfit' as const), id: ids }),
);
type Op = typeof op extends fc.Arbitrary<infer T> ? T : never;

/** The application writes, and the pipe applies it: a common state again. */
async function write({ source, target }: World, ops: readonly Op[]): Promise<void> {
  const { seq } = source.head;
  for (const step of ops) {
    const table = step.id % 3 === 0 ? PAIR : ITEM;
    const key = table === ITEM ? [`${step.id}`] : [`a${step.id}`, `${step.id}`];
    if (step.op === 'remove') source.remove(table, key);
    else if (step.op === 'misfit') source.putMisfit(table, key);
    else
      source.put(
        table,
        table === ITEM ? [`${step.id}`, step.value, null] : [step.value === null ? null : `t:${step.value}`, `${step.id}`, `a${step.id}`],
      );
  }
  await target.apply(source.state().marked(seq));
}

const batches = fc.array(fc.array(op, { maxLength: 5 }), { minLength: 1, maxLength: 12 });

test('writes between the states give no false alarm', async () => {
  await fc.assert(
    fc.asyncProperty(batches, async schedule => {
      const world = await filled();
      const left = [...schedule];
      const { ok, differences, position } = await full(world, () => write(world, left.shift() ?? []));
      expect(differences).toEqual([]);
      expect(ok).toBe(true);
      expect(position).toEqual(world.source.head);
    }),
  );
});

const damage = fc.array(fc.record({ id: ids, what: fc.constantFrom('missing', 'extra', 'different', 'unquarantined', 'stale') }), {
  minLength: 1,
  maxLength: 6,
});

function plant({ source, target }: World, planted: readonly { readonly id: number; readonly what: string }[]): void {
  for (const { id, what } of planted) {
    const table = id % 3 === 0 ? PAIR : ITEM;
    const fresh: PgRow = table === ITEM ? [`${id + 20}`, null, null] : [null, `${id}`, 'extra'];
    const name = table === ITEM ? `["i:${id}"]` : `["t:a${id}","i:${id}"]`;
    const there = target.tables.get(table.id)!;
    if (what === 'missing') there.delete(name);
    if (what === 'extra') there.set(nameOf(table, fresh), fresh);
    if (what === 'different' && there.has(name))
      there.set(
        name,
        row(target.tables, table, name).map((text, index) => (table.key.columns.includes(index) ? text : `${text ?? ''}1`)),
      );
    if (what === 'unquarantined') target.quarantine.get(table.id)!.delete(name);
    if (what === 'stale') {
      const key = table === ITEM ? [`${id}`] : [`a${id}`, `${id}`];
      source.putMisfit(table, key);
      target.quarantine.get(table.id)!.add(misfit(table, key).key);
    }
  }
}

/** What differs now, by the definition: each SQLite row is in Postgres, or in quarantine and not in Postgres; Postgres has no other. */
function actual({ source, target }: World): string[] {
  const found: string[] = [];
  for (const table of PLAN.tables) {
    const here = source.tables.get(table.id)!;
    const there = target.tables.get(table.id)!;
    for (const [name, mine] of here) {
      const other = there.get(name);
      const quarantined = target.quarantine.get(table.id)!.has(name);
      if (
        'reason' in mine
          ? other !== undefined || !quarantined
          : other === undefined
            ? !quarantined
            : comparer(table).rows([mine], [other]).length > 0
      )
        found.push(`${table.name} ${name}`);
    }
    for (const name of there.keys()) if (!here.has(name)) found.push(`${table.name} ${name}`);
  }
  return found.sort();
}

test('planted differences are all found, and only those that are still there at the end', async () => {
  let sawSome = 0;
  await fc.assert(
    fc.asyncProperty(batches, damage, async (schedule, planted) => {
      const world = await filled();
      await write(world, schedule[0] ?? []);
      plant(world, planted);
      const left = schedule.slice(1);
      const { ok, differences } = await full(world, () => write(world, left.shift() ?? []));
      const expected = actual(world);
      if (expected.length > 0) sawSome++;
      expect(differences.map(({ table, key }) => `${table} ${key}`).sort()).toEqual(expected);
      expect(ok).toBe(expected.length === 0);
    }),
    { numRuns: 300 },
  );
  expect(sawSome).toBeGreaterThan(100);
});

test('only what was marked is compared: differences elsewhere are not seen, nothing is counted', async () => {
  const world = await filled();
  const { seq } = world.source.head;
  world.source.put(ITEM, ['2', 'newer', null]);
  world.source.remove(ITEM, ['5']);
  world.target.tables.get(1)!.delete('["i:1"]');
  const pair = { source: world.source.state(), target: world.target.state(), primary: 'sqlite' as const };
  const { ok, differences, tables } = await verifyMarked(pair, PLAN, pair.source.marked(seq), never);
  expect(ok).toBe(false);
  expect(differences.map(({ key, kind }) => [key, kind])).toEqual([
    ['["i:2"]', 'different'],
    ['["i:5"]', 'extra'],
  ]);
  expect(tables.map(({ counts }) => counts)).toEqual([null, null]);
});

test('what was missing and has gone meanwhile is no difference, by the name of its rowid either; what is there still is [G4]', async () => {
  const { source, target } = await filled();
  const lost = (key: string) => ({ key, target: undefined, column: 'a', reason: 'its key is NULL', raw: null });
  const none = { table: PAIR.id, rows: [], gone: [], misfits: [], vanished: [] };
  const pair = { source: source.state(), target: target.state(), primary: 'sqlite' as const };
  const found = async (last: object): Promise<unknown[]> => {
    const slices = [
      { ...none, misfits: [lost('[null,"i:1","i:7"]'), lost('[null,"i:2","i:8"]')] },
      { ...none, ...last },
    ];
    return (await verifyMarked(pair, PLAN, { slices: () => slices }, never)).differences.map(({ key }) => key);
  };
  expect(await found({})).toHaveLength(2);
  expect(await found({ vanished: ['[null,"i:1"]'] })).toEqual(['[null,"i:2","i:8"]']);
  const again = { vanished: ['[null,"i:1"]'], misfits: [lost('[null,"i:1","i:7"]')] };
  expect(await found(again)).toEqual(['[null,"i:2","i:8"]', '[null,"i:1","i:7"]']);
});

test('cancelled, it ends between two chunks and lets its states go', async () => {
  const { source, target } = await filled();
  const cancel = new AbortController();
  let open = 0;
  const run = verifyAll(
    {
      tables: PLAN.tables,
      async pin() {
        open++;
        return { source: source.state(), target: { ...target.state(), close: async () => void open-- }, primary: 'sqlite' };
      },
      onProgress: () => cancel.abort(),
      anchorMs: 300,
      now: () => 0,
    },
    cancel.signal,
  );
  await expect(run).rejects.toThrow('abort');
  expect(open).toBe(0);
});

test('a state is held no longer than it must be: one for each chunk when chunks are slow, two when they are fast', async () => {
  const { source, target } = await filled();
  const pins = async (msPerChunk: number): Promise<number> => {
    let taken = 0;
    let now = 0;
    const slow = <A extends unknown[], R>(read: (...given: A) => R) => {
      return (...given: A): R => {
        const found = read(...given);
        if (found !== undefined) now += msPerChunk;
        return found;
      };
    };
    const pin = async () => {
      taken++;
      const state = source.state();
      return {
        source: { ...state, chunk: slow(state.chunk), stretch: slow(state.stretch) },
        target: target.state(),
        primary: 'sqlite' as const,
      };
    };
    await verifyAll({ tables: PLAN.tables, pin, onProgress: () => undefined, anchorMs: 300, now: () => now }, never);
    return taken;
  };
  expect(await pins(1)).toBe(2);
  expect(await pins(301)).toBe(6); // five chunks, and the last state
});

test('the digests of a table follow from its rows, not from how they were walked through', async () => {
  const world = await filled();
  const digests = async (more: Partial<Verification> = {}) => (await full(world, undefined, more)).tables.map(table => table.digests);
  const first = await digests();
  expect(await digests({ anchorMs: 1e9 })).toEqual(first);
  world.target.tables.get(1)!.set('["i:8"]', ['8', 'another', null]);
  const [item, pair] = await digests();
  expect(item?.source).toBe(first[0]?.source);
  expect(item?.target).not.toBe(item?.source);
  expect(pair).toEqual(first[1]);
});

test('what differed and was mended before the end is no difference', async () => {
  const world = await filled();
  world.target.tables.get(1)!.delete('["i:3"]');
  let states = 0;
  const { ok, tables } = await full(world, () => {
    if (++states === 4) world.target.tables.get(1)!.set('["i:3"]', ['3', 'name 3', '0.75']);
  });
  expect(ok).toBe(true);
  expect(tables[0]?.digests).toBeNull(); // the two walks saw different rows
});

/** Runs until `states` were let go, then the process is gone; gives what it had saved. */
async function interrupted(world: World, states: number, between?: () => Promise<void>): Promise<Round | undefined> {
  const cancel = new AbortController();
  let saved: Round | undefined;
  const save = async (round: Round): Promise<void> => {
    saved = { start: round.start, places: new Map(JSON.parse(JSON.stringify([...round.places]))) };
    if (--states === 0) cancel.abort();
  };
  await full(world, between, { save }, cancel.signal).then(
    () => (saved = undefined),
    () => undefined,
  );
  return saved;
}

test('an interrupted comparison goes on where it was, finds everything, and has the digests of one that was not', async () => {
  const plain = (await full(await filled())).tables.map(({ digests, compared }) => ({ digests, compared }));
  let tried = 0;
  for (let states = 1; ; states++) {
    const world = await filled();
    const resume = await interrupted(world, states);
    if (resume === undefined) break;
    let read = 0;
    const { ok, tables } = await full(world, undefined, { resume, onProgress: () => read++ });
    expect(ok).toBe(true);
    expect(tables.map(({ digests, compared }) => ({ digests, compared }))).toEqual(plain);
    expect(read).toBeLessThanOrEqual(6 - states);
    tried++;
  }
  expect(tried).toBeGreaterThan(3);
});

test('planted differences and writes on both sides of an interruption are all found', async () => {
  await fc.assert(
    fc.asyncProperty(batches, damage, fc.integer({ min: 1, max: 5 }), fc.boolean(), async (schedule, planted, states, checked) => {
      const world = await filled();
      await write(world, schedule[0] ?? []);
      plant(world, planted);
      const left = schedule.slice(1);
      const next = () => write(world, left.shift() ?? []);
      const resume = await interrupted(world, states, next);
      await next();
      // A check of the marked rows may have gone on meanwhile, and have found them equal.
      const equal = actual(world).length === 0;
      const { seq } = world.source.head;
      const { differences } = await full(world, next, { resume, ...(checked && equal ? { verifiedUpTo: async () => seq } : {}) });
      expect(differences.map(({ table, key }) => `${table} ${key}`).sort()).toEqual(actual(world));
    }),
    { numRuns: 200 },
  );
});

test('while Postgres is primary, the sign of a zero that a REAL column cannot hold is no difference', async () => {
  const world = await filled();
  world.source.put(ITEM, ['1', 'a', '0']);
  world.target.tables.get(1)!.set('["i:1"]', ['1', 'a', '-0']);
  const pin = (primary: 'sqlite' | 'postgres') => async () => ({ source: world.source.state(), target: world.target.state(), primary });
  expect((await full(world, undefined, { pin: pin('sqlite') })).differences).toMatchObject([{ columns: ['price'] }]);
  expect((await full(world, undefined, { pin: pin('postgres') })).ok).toBe(true);
});

test('between two states it rests, and holds nothing meanwhile', async () => {
  const world = await filled();
  let open = 0;
  const rests: number[] = [];
  const pin = async () => {
    open++;
    return {
      source: world.source.state(),
      target: { ...world.target.state(), close: async () => void open-- },
      primary: 'sqlite' as const,
    };
  };
  const rest = async ({ rows, ms }: { rows: number; ms: number }): Promise<void> => {
    expect(open).toBe(0);
    expect(ms).toBeGreaterThan(0);
    rests.push(rows);
  };
  await full(world, undefined, { pin, rest });
  expect(rests.reduce((sum, rows) => sum + rows, 0)).toBe(13);
});
