/** One name within the other, or at most two letters apart; capitals and what stands between words aside. */
export function isSlip(written: string, other: string): boolean {
  const [a, b] = [written, other].map(name => name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '')) as [string, string];
  const long = Math.min(a.length, b.length) > 3;
  return a === b || (long && (a.includes(b) || b.includes(a) || distance(a, b) <= 2));
}

/** Letters to insert, remove or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, place) => place);
  for (const [place, letter] of [...a].entries()) {
    const next = [place + 1];
    for (const [other, char] of [...b].entries())
      next.push(Math.min((next[other] ?? 0) + 1, (row[other + 1] ?? 0) + 1, (row[other] ?? 0) + (letter === char ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 0;
}
