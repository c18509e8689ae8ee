/* `npm run test:model`: every state of the larger spaces, and for each guard what happens without it. */
import { GUARDS, TOGETHER } from './guards.ts';
import { LARGE, named, walk } from './space.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const wrong: string[] = [];
let all = 0;

for (const bounds of LARGE) {
  const began = performance.now();
  const { states, steps, points, found } = await walk(bounds);
  all += states;
  say(
    `${named(bounds)}: ${states} states, ${steps} steps, ${points} points of the controller, ${Math.round(performance.now() - began)} ms`,
  );
  if (found === undefined) continue;
  wrong.push(named(bounds));
  say(`${found.what}:\n  ${found.path.join('\n  ')}`);
}
say(`${all} states in all`);
for (const { name, without, bounds, finds } of [...GUARDS, ...TOGETHER]) {
  const { found } = await walk({ ...bounds }, without);
  if (found === undefined || !finds.test(found.what)) wrong.push(name);
  say(`\nwithout this: ${name}\n${found === undefined ? 'nothing is found' : `${found.what}:\n  ${found.path.join('\n  ')}`}`);
}
if (wrong.length > 0) throw new Error(`not as it should be: ${wrong.join('; ')}`);
