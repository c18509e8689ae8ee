/*
 * In which form an application writes its dates and times, told from how many of the texts look how.
 */
import type { Formats, Profile } from '../schema.ts';
import { bodyOf, digitsOf, isOptional, misfits, ONLY_ZEROS } from './format.ts';

/** The form in which a fraction of zero is left out, as Python and Rails write; each that has a fraction may be that. */
const optional = (form: string): string => form.replace(/\.f+/, digits => `[${digits}]`);

/**
 * The one date or time format that takes all of these texts; undefined where there is none. It has no more digits than it must, unless
 * all of them are such as one would write that leaves out a fraction of zero: that one, if the texts or `habits` speak for it.
 */
export function commonMoment(formats: Formats, habits: Habits = new Map()): string | undefined {
  const moments = Object.keys(formats).flatMap(format => /^(?:date|timestamp)\w*\([^)]*\)/.exec(format) ?? []);
  const [fewest] = moments.toSorted((a, b) => digitsOf(a) - digitsOf(b));
  if (fewest === undefined) return undefined;
  const all = Object.values(formats).reduce((sum, count) => sum + count, 0);
  const others = new Set(
    [...momentForms(formats).keys(), ...habits.keys()].filter(form => isOptional(form) && exactly(form, formats) === all),
  );
  const named = [...others].map(form => fewest.replace(bodyOf(fewest), form));
  const fitting = [fewest, ...named].filter(form => digitsOf(form) <= 6 && misfits(form, formats) === 0);
  return likeliest(fitting, formats, habits)[0];
}

/** Forms by how many of the texts are just like that, and by how many of the whole file. */
export function likeliest(forms: readonly string[], formats: Formats, habits: Habits): string[] {
  const rank = (form: string): number => exactly(bodyOf(form), formats);
  const habit = (form: string): number => habits.get(bodyOf(form)) ?? 0;
  return forms.toSorted((a, b) => rank(b) - rank(a) || habit(b) - habit(a));
}

/** How the texts of a whole file write points in time, and how many write them so. */
export type Habits = ReadonlyMap<string, number>;

/** An application writes all of its dates in one way, mostly: what few values leave open, the others tell. */
export function habitsOf(profile: Profile): Habits {
  const habits = new Map<string, number>();
  for (const { formats } of Object.values(profile).flatMap(({ columns }) => columns))
    for (const [form, count] of momentForms(formats)) habits.set(form, (habits.get(form) ?? 0) + count);
  return habits;
}

/** Formats, without their type, that texts of this column may be written in. Each with how many texts are just like that. */
export function momentForms(formats: Formats): ReadonlyMap<string, number> {
  const there = Object.keys(formats).filter(format => /^(?:date|timestamp)\w*\(/.test(format));
  const bodies = [...new Set(there.map(bodyOf))];
  return new Map([...bodies, ...bodies.filter(digitsOf).map(optional)].map(form => [form, exactly(form, formats)]));
}

/** How many of the texts have this form to the digit. */
function exactly(form: string, formats: Formats): number {
  const same = (format: string): boolean => {
    const body = bodyOf(format);
    if (!isOptional(form)) return body === form;
    return body === form.replace(/\[.*\]/, '') || (optional(body) === form && !format.endsWith(ONLY_ZEROS));
  };
  return Object.entries(formats).reduce((sum, [format, count]) => (same(format) ? sum + count : sum), 0);
}
