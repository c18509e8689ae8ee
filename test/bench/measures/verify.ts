import { VerifyDocument } from '../../../src/server/documents.ts';
import { syncOnce, verifyOnce } from '../support/processes.ts';
import { count, type Line, median, round, seconds, times } from '../support/report.ts';
import type { World } from '../support/world.ts';

/** Every column of every row compared, against the time that it took to copy them. */
export async function verify(world: World): Promise<Line[]> {
  const { rows, runs } = world.options;
  const copied: number[] = [];
  const compared: number[] = [];
  const peaks: number[] = [];
  for (let run = 1; run <= runs; run++) {
    world.say(`verify, run ${run} of ${runs}`);
    const source = world.application(rows);
    const target = await world.database();
    copied.push((await syncOnce(source, target)).seconds);
    const ran = await verifyOnce(source, target);
    const document = VerifyDocument.parse(JSON.parse(ran.stdout));
    if (!document.ok || document.rows !== rows)
      throw new Error(`the comparison found ${document.differences} differences in ${document.rows} rows`);
    compared.push(document.durationMs / 1_000);
    peaks.push(ran.peakMb);
    world.remove(source);
    await world.drop(target);
  }
  const [copy, comparison] = [median(copied), median(compared)];
  return [
    {
      measure: 'verify',
      what: `${rows} rows, against the snapshot's time`,
      reach: '≤ 0.5x',
      measured: `${seconds(comparison)} against ${seconds(copy)}: ${times(comparison / copy)}, ${count(rows / comparison)} rows/s`,
      numbers: { rows, seconds: round(comparison), snapshot: round(copy), ratio: round(comparison / copy) },
    },
    {
      measure: 'verify',
      what: 'peak memory of the process',
      reach: '≤ 150 MB',
      measured: `${Math.round(Math.max(...peaks))} MB`,
      numbers: { peakMb: Math.round(Math.max(...peaks)) },
    },
  ];
}
