/*
 * What values of the narrow types mean, told without the codecs that carry them: for text only, as every one of these is.
 */
type Meaning = {
  /** Whether Postgres can hold the text in such a column. */
  readonly fits: (text: string) => boolean;
  /** The text that Postgres's means. */
  readonly decode: (text: string) => string;
  /** One form for all texts that mean the same. */
  readonly form?: (text: string) => string;
};

const isDay = (text: string): boolean => new Date(`${text}T00:00:00Z`).toJSON()?.startsWith(text) ?? false;
const isTime = (text: string): boolean => /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/.test(text);
const same = (text: string): string => text;

/** A time without a zone, `between` day and hour. */
const local = (between: string): Meaning => ({
  fits: text => text[10] === between && isDay(text.slice(0, 10)) && isTime(text.slice(11)),
  decode: text => text.replace(' ', between),
});

const pair = (yes: string, no: string): Meaning => ({
  fits: text => text === yes || text === no,
  decode: text => (text === 't' ? yes : no),
});

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

const NARROW: Readonly<Record<string, Meaning>> = {
  'date(YYYY-MM-DD)': { fits: text => text.length === 10 && isDay(text), decode: same },
  'timestamp(YYYY-MM-DD hh:mm:ss)': local(' '),
  'timestamp(YYYY-MM-DDThh:mm:ss)': local('T'),
  'timestamptz(YYYY-MM-DDThh:mm:ss.fffZ)': {
    fits: text => /^.{19}\.\d{3}Z$/.test(text) && local('T').fits(text.slice(0, 19)),
    decode: text => new Date(text.replace(' ', 'T').replace(/\+00$/, 'Z')).toISOString(),
  },
  'boolean(true/false)': pair('true', 'false'),
  'uuid(lower)': { fits: text => UUID.test(text), decode: same },
  'uuid(upper)': { fits: text => UUID.test(text.toLowerCase()) && text === text.toUpperCase(), decode: text => text.toUpperCase() },
  jsonb: { fits: isDocument, decode: same, form: text => canonical(JSON.parse(text)) },
};

/** undefined where it is no such codec. */
export const narrow = (codec: string): Meaning | undefined => (Object.hasOwn(NARROW, codec) ? NARROW[codec] : undefined);

/** Whether it is JSON, and jsonb loses nothing of it: a second value for one key, or the sign of a zero. */
function isDocument(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return keys(value) === (text.match(/"\s*:/g) ?? []).length && !/(^|[^\d.])-0(\.0*)?(e|$|[^.\d])/i.test(text);
  } catch {
    return false;
  }
}

function keys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce((sum: number, inner: unknown) => sum + keys(inner), own);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
