import type { Cidr, DeviceInput, FragmentKey, NetworkInputs, NftRule, PublicKey } from '../../../core/net/inputs.ts';

export const NOW = new Date('2026-06-01T12:00:00Z');

/** A device that may be a peer, of a user of its own. */
export function device(number: number, changes: Partial<DeviceInput> = {}): DeviceInput {
  return {
    id: `device-${String(number).padStart(5, '0')}` as DeviceInput['id'],
    userId: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}` as DeviceInput['userId'],
    publicKey: keyOf(number),
    presharedKey: Buffer.alloc(32, `psk${number}`).toString('base64') as DeviceInput['presharedKey'],
    ipv4: `10.3.${2 + Math.floor((number + 1) / 256)}.${(number + 1) % 256}`,
    ipv6: `fd00::3:2:${(number + 1).toString(16)}`,
    allowedSubnets: [],
    disabledAt: null,
    expiresAt: null,
    user: { disabledAt: null, lastSignedInAt: NOW, vpnSessionEndedAt: null },
    ...changes,
  };
}

export function keyOf(number: number): PublicKey {
  return Buffer.alloc(32, `key${number}.`).toString('base64') as PublicKey;
}

export function inputs(
  devices: readonly DeviceInput[],
  fragments: readonly (readonly [FragmentKey, readonly NftRule[]])[] = [],
  changes: Partial<NetworkInputs> = {},
): NetworkInputs {
  return {
    interface: {
      name: 'wg-test',
      privateKey: Buffer.alloc(32, 'private').toString('base64') as NetworkInputs['interface']['privateKey'],
      listenPort: 51820,
      mtu: 1420,
      ipv4Network: '10.3.0.0/16' as Cidr,
      ipv6Network: 'fd00::3:2:0/112' as Cidr,
    },
    masquerade: { ipv4: true, ipv6: true },
    allowPeerToPeer: false,
    allowLanToPeers: false,
    vpnSessionDurationSeconds: 0,
    devices,
    fragments: new Map(fragments),
    ...changes,
  };
}
