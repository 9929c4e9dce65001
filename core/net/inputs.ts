export type PublicKey = string & { readonly __brand: 'PublicKey' };
export type PrivateKey = string & { readonly __brand: 'PrivateKey' };
export type PresharedKey = string & { readonly __brand: 'PresharedKey' };
/** An address or network with its prefix length, in canonical form: `10.3.2.7/32`, `fd00::/64`. */
export type Cidr = string & { readonly __brand: 'Cidr' };
export type UserId = string & { readonly __brand: 'UserId' };
export type DeviceId = string & { readonly __brand: 'DeviceId' };

/** What a plugin says about packets that peers send: one verdict for what matches; absent conditions match all. */
export interface NftRule {
  readonly destination?: Cidr;
  readonly protocol?: 'tcp' | 'udp' | 'icmp';
  /** Inclusive, 1–65535; only with tcp or udp. */
  readonly ports?: { readonly from: number; readonly to: number };
  readonly verdict: 'accept' | 'drop';
}

/** `user:<id>` is asked first, then `global`; what neither decides is accepted. */
export type FragmentKey = `user:${string}` | 'global';
export type Fragments = ReadonlyMap<FragmentKey, readonly NftRule[]>;

/** A device with what decides over it, as one row of the database. */
export interface DeviceInput {
  readonly id: DeviceId;
  readonly userId: UserId;
  readonly publicKey: PublicKey;
  readonly presharedKey: PresharedKey;
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  readonly allowedSubnets: readonly Cidr[];
  readonly disabledAt: Date | null;
  readonly expiresAt: Date | null;
  readonly user: {
    readonly disabledAt: Date | null;
    /** The last sign-in that was complete (all factors). */
    readonly lastSignedInAt: Date | null;
    /** Set when the VPN session was ended early; the next complete sign-in clears it. */
    readonly vpnSessionEndedAt: Date | null;
  };
}

/** Everything the desired state is computed from, beside the clock. */
export interface NetworkInputs {
  readonly interface: {
    readonly name: string;
    readonly privateKey: PrivateKey;
    readonly listenPort: number;
    readonly mtu: number;
    /** The tunnel networks; the interface takes the first host of each, with the network's prefix length. */
    readonly ipv4Network: Cidr | null;
    readonly ipv6Network: Cidr | null;
  };
  readonly masquerade: { readonly ipv4: boolean; readonly ipv6: boolean };
  readonly allowPeerToPeer: boolean;
  readonly allowLanToPeers: boolean;
  /** 0: VPN sessions never run out. */
  readonly vpnSessionDurationSeconds: number;
  readonly devices: readonly DeviceInput[];
  readonly fragments: Fragments;
}
