import type { TransportCapabilities } from '@wirepath/core/plugin';
import type { UapiDeviceState } from '../../uapi/device.js';

/** What runs the device. `wireguard-go` stands for every userspace device that keeps to the specification. */
export type DeviceKind = 'kernel' | 'wireguard-go' | 'boringtun';

export type DeviceTraits = Pick<TransportCapabilities, 'handshakeClock' | 'canModifyPeer'>;

const TRAITS: Readonly<Record<DeviceKind, DeviceTraits>> = {
  kernel: { handshakeClock: 'epoch', canModifyPeer: true },
  'wireguard-go': { handshakeClock: 'epoch', canModifyPeer: true },
  // It says how long ago a handshake was, and 0.7.0 panics when a peer that exists is changed.
  boringtun: { handshakeClock: 'elapsed', canModifyPeer: false },
};

export function traitsOf(kind: DeviceKind): DeviceTraits {
  return TRAITS[kind];
}

/** Tells boringtun from the others by its answer. */
export function userspaceKind(state: UapiDeviceState): DeviceKind {
  return state.ownPublicKey === undefined ? 'wireguard-go' : 'boringtun';
}
