/*
 * `npm run test:crash [kills] [seed]`: real `kill -9` of the daemon at named points and at random moments, under writers in processes
 * of their own, in every phase. After each kill: restart, caught up, every row on both sides compared, exactly once [G2].
 */
import { numbers } from '../support/words.ts';
import { perform, planned, spoken } from './acts.ts';
import { openTown } from './town.ts';

const { kills: wanted, seed } = numbers({ kills: 500, seed: Math.floor(Math.random() * 1_000_000) });
const EVERY = 20;
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const acts = planned(wanted, seed);
const kills = new Map<string, number>();
const began = performance.now();
const seconds = (): number => Math.round((performance.now() - began) / 1_000);
say(`${wanted} kills, seed ${seed}`);

await using town = await openTown();
let daemon = town.start(spoken(acts[0]));
await town.arrived('shadowing');
for (const [index, act] of acts.entries()) {
  const where = await perform(town, daemon, act);
  kills.set(`${act.phase}: ${where}`, (kills.get(`${act.phase}: ${where}`) ?? 0) + 1);
  daemon = town.start(spoken(acts[index + 1]));
  const phase = await town.arrived('shadowing', 'mirroring');
  await town.settled();
  if (phase !== act.leaves) await town.switch(act.leaves === 'mirroring' ? 'cutover' : 'rollback');
  if ((index + 1) % EVERY === 0) say(`${index + 1} kills in ${seconds()} s, last: ${act.phase}, ${where}`);
}
say('where it was killed:');
for (const [where, times] of [...kills].sort()) say(`${String(times).padStart(5)}  ${where}`);
say(`${acts.length} kills in ${seconds()} s, seed ${seed}: after each both sides were equal, and what was acknowledged was there once`);
