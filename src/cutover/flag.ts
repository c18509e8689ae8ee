/** The application's feature flag, as a switch sees it: which side is primary, since which epoch. */
export interface PrimaryFlag {
  /** Atomic, read back, idempotent; never back to an older epoch. */
  write(state: { readonly primary: 'sqlite' | 'postgres'; readonly epoch: bigint }): Promise<void>;
}
