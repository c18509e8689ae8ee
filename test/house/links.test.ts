import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const PAGES = ['README.md', ...readdirSync('deploy').flatMap(name => (name.endsWith('.md') ? [join('deploy', name)] : []))];
const HEADING = /^#+ (.+)$/gm;

/** As the pages of a forge name a heading. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

test.each(PAGES)('every link of %s leads somewhere', page => {
  const broken = [...readFileSync(page, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^https?:/.test(link)) return [];
    const [path = '', place] = link.split('#');
    const file = path === '' ? page : join(dirname(page), path);
    if (!existsSync(file)) return [link];
    if (place === undefined) return [];
    const places = [...readFileSync(file, 'utf8').matchAll(HEADING)].map(([, heading = '']) => anchor(heading));
    return places.includes(place) ? [] : [link];
  });
  expect(broken).toEqual([]);
});
