import type { NetworkStatus } from '../net/reconcile.ts';

/** What pages may know of the network; `core/app.ts` fills it from the reconciler. */
export interface NetworkView {
  readonly interfaceName: string;
  serverPublicKey(): Promise<string>;
  /** Peers as the kernel has them. */
  peers(): Promise<readonly PeerView[]>;
  /** Foreign changes that were repaired, the newest first; those long ago are only counted. */
  drift(): readonly { readonly at: Date; readonly what: string }[];
  driftCount(): number;
  /** Our table as the kernel lists it, or null while the data plane is off. */
  ruleset(): Promise<string | null>;
  status(): NetworkStatus;
}

export interface PeerView {
  readonly publicKey: string;
  readonly endpoint: string | null;
  readonly allowedIps: readonly string[];
  readonly latestHandshake: Date | null;
  readonly rxBytes: number;
  readonly txBytes: number;
}
