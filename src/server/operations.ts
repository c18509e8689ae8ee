import type { Direction } from '../cutover/gate.ts';
import type {
  AuditDocument,
  DashboardDocument,
  DoneDocument,
  QuarantineDocument,
  StatusDocument,
  SwitchDocument,
  ThrottleDocument,
  VerifyDocument,
} from './documents.ts';

/** One line for the person who waits; `share`: how much is done, from 0 to 1, where that is known. */
export type Progress = (line: string, share?: number) => void;

export type VerifyOptions = {
  readonly tables: readonly string[];
  readonly repair: boolean;
  /** Go on with a full comparison that was interrupted. */
  readonly resume?: boolean | undefined;
  /** Rest this many times as long as it works; undefined: as configured. */
  readonly nice?: number | undefined;
  readonly rowsPerSecond?: number | undefined;
  /** It makes way for whatever else is asked for, and is gone on with later. */
  readonly background?: boolean | undefined;
  /** Who asks; undefined: whoever runs the daemon. */
  readonly by?: string | undefined;
};

/** What commands ask for. A running daemon answers through its socket; without one the command does the same work itself. */
export interface Operations {
  status(): Promise<StatusDocument>;
  /** The whole log, oldest first. */
  audit(): Promise<AuditDocument>;
  /** Where the page is, with the token that lets it act. Throws Refused where none is served. */
  dashboard(): Promise<DashboardDocument>;
  /** Notes in the log what is asked for, and by whom, before it is done. */
  asked(what: string, detail: Readonly<Record<string, unknown>>, by: string): Promise<void>;
  /** Notes there why it was not done. */
  unmet(what: string, error: unknown, by: string): Promise<void>;
  verify(options: VerifyOptions, progress: Progress): Promise<VerifyDocument>;
  switch(
    direction: Direction,
    options: { readonly dryRun: boolean; readonly maxPauseMs: number | undefined },
    progress: Progress,
  ): Promise<SwitchDocument>;
  /** Schedules a cutover; with neither `at` nor `onApproval` the one that is scheduled is called off. */
  schedule(
    wanted: { readonly at: string | null; readonly onApproval?: boolean | undefined; readonly maxPauseMs?: number | undefined },
    by: string,
  ): Promise<DoneDocument>;
  /** Approves the scheduled cutover that was asked for at that moment. */
  approve(askedAt: string, by: string): Promise<DoneDocument>;
  quarantine(action: 'list' | 'retry' | 'drop', ids: readonly string[]): Promise<QuarantineDocument>;
  /** Copies tables again; without any, all of them, with the file as the truth. */
  resync(options: { readonly tables: readonly string[] }, progress: Progress): Promise<DoneDocument>;
  /** Makes columns wider whose values do not fit; without tables, those with rows in quarantine. */
  widen(options: { readonly tables: readonly string[] }, progress: Progress): Promise<DoneDocument>;
  /** What is undefined stays as it is. */
  throttle(wanted: {
    readonly rowsPerSecond?: number | null | undefined;
    readonly nice?: number | undefined;
    readonly chunkRows?: number | undefined;
    readonly paused?: boolean | undefined;
  }): Promise<ThrottleDocument>;
  /** `audit`: the file that the log is written to before it goes. */
  finish(options: { readonly audit?: string | undefined }, progress: Progress): Promise<DoneDocument>;
  uninstall(options: { readonly keepTarget: boolean; readonly audit?: string | undefined }, progress: Progress): Promise<DoneDocument>;
}
