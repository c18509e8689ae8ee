/*
 * What rules a codec out, as the profile of a column tells it.
 */
import type { Affinity } from '../codecs/affinity.ts';
import type { CodecName } from '../plan.ts';
import type { ColumnStats } from '../schema.ts';
import { misfits } from './format.ts';

const NUMBERS = (affinity: Affinity): boolean => affinity === 'integer' || affinity === 'numeric';

const NUMBERED = /since|julian|interval\([mu]?s\)/;

/** Why the stored values, or SQLite's affinity, rule the codec out; undefined where it keeps every value. */
export function contradiction(codec: CodecName, affinity: Affinity, stats: ColumnStats): string | undefined {
  const { integers, reals, texts, blobs, zeroOne, inexact } = stats;
  const others = (count: number, what: string): string | undefined => (count > 0 ? `it holds ${count} ${what}` : undefined);
  const tried = stats.trials?.[codec];
  if (tried !== undefined && tried.misfits > 0) return `it holds ${tried.misfits} values that do not fit ${codec}: ${tried.reason}`;
  switch (codec.startsWith('decimal(') ? 'decimal' : codec) {
    case 'tagged':
      return undefined;
    case 'integer':
      if (!NUMBERS(affinity) && affinity !== 'blob') return `SQLite keeps no integers in a column of ${affinity} affinity`;
      return others(reals + texts + blobs, 'values that are not integers');
    case 'real':
      if (affinity !== 'real' && affinity !== 'blob') return `SQLite would not keep every REAL in a column of ${affinity} affinity`;
      return others(integers + texts + blobs, 'values that are not REAL');
    case 'number':
      if (!NUMBERS(affinity)) return `SQLite does not tell whole REALs from integers by itself in a column of ${affinity} affinity`;
      return others(texts + blobs, 'values that are not numbers') ?? others(inexact, 'integers that double precision cannot hold');
    case 'decimal':
      if (!NUMBERS(affinity) && affinity !== 'real') return `SQLite does not keep numbers apart in a column of ${affinity} affinity`;
      return others(texts + blobs, 'values that are not numbers');
    case 'blob':
      return others(integers + reals + texts, 'values that are not BLOB');
    case 'uuid(blob)':
      return others(integers + reals + texts + blobs - stats.uuids, 'values that are not BLOBs of 16 bytes');
    case 'boolean':
      if (!NUMBERS(affinity) && affinity !== 'blob') return `SQLite keeps no integers in a column of ${affinity} affinity`;
      return others(integers + reals + texts + blobs - zeroOne, 'values other than 0 and 1');
    default:
      return NUMBERED.test(codec) ? numberContradiction(codec, affinity, stats) : textContradiction(codec, affinity, stats);
  }
}

function textContradiction(codec: CodecName, affinity: Affinity, stats: ColumnStats): string | undefined {
  const { integers, reals, blobs, unclean } = stats;
  const others = (count: number, what: string): string | undefined => (count > 0 ? `it holds ${count} ${what}` : undefined);
  if (affinity !== 'text' && affinity !== 'blob' && /^numeric$|YYYYMMDD/.test(codec))
    return `SQLite makes numbers of such texts in a column of ${affinity} affinity`;
  const numbers = affinity === 'numeric' && /^json/.test(codec) ? 0 : integers + reals;
  const wrong = others(numbers + blobs, 'values that are not text') ?? others(unclean, 'texts with NUL or invalid UTF-8');
  return (
    wrong ??
    (codec === 'text' || stats.trials?.[codec] !== undefined ? undefined : others(unfit(codec, stats), `texts that do not fit ${codec}`))
  );
}

/** Texts that were not looked at come after enough without a form to leave no codec but text. */
const unfit = (codec: CodecName, { texts, formats }: ColumnStats): number =>
  misfits(codec, formats) + texts - Object.values(formats).reduce((sum, count) => sum + count, 0);

/** Points in time and intervals that are numbers. What counts cannot prove, only a trial of every value can. */
function numberContradiction(codec: CodecName, affinity: Affinity, stats: ColumnStats): string | undefined {
  const { integers, reals, texts, blobs, range, trials } = stats;
  if (affinity === 'text') return 'SQLite keeps no numbers in a column of text affinity';
  if (trials?.[codec] !== undefined || integers + reals + texts + blobs === 0) return undefined;
  if (reals + texts + blobs > 0) return `it holds ${reals + texts + blobs} values that are not integers`;
  const far = range !== null && (range[0] < -(10n ** 17n) || range[1] > 10n ** 17n);
  if (far) return 'it holds integers that are no points in time';
  return /\((?:s|ms|us) since \d+\)$/.test(codec) ? undefined : `its values were not tried with ${codec}`;
}
