import type { TransportCapabilities } from '@wirepath/core/plugin';
import type { UapiPeerState } from '../../uapi/device.js';

/**
 * Times computed from "so long ago" wobble by the time that the answer took, and by a second where only whole ones are
 * told. A handshake that is newer by less is not told apart; none is ever invented.
 */
const ELAPSED_TOLERANCE_MS = 1100;

/** Unix ms of a peer's last handshake, or null; `nowUnixMs` is when the device answered. */
export function lastHandshakeUnixMs(
  peer: UapiPeerState | undefined,
  handshakeClock: TransportCapabilities['handshakeClock'],
  nowUnixMs: number,
): number | null {
  if (peer?.lastHandshake === undefined) return null;
  const { seconds, nanoseconds } = peer.lastHandshake;
  const ms = seconds * 1000 + nanoseconds / 1e6;
  return handshakeClock === 'epoch' ? ms : nowUnixMs - ms;
}

/**
 * Whether `current` is another handshake than `previous`: by every digit that the device tells, never by whole seconds.
 */
export function isNewHandshake(
  previous: number | null,
  current: number | null,
  handshakeClock: TransportCapabilities['handshakeClock'],
): boolean {
  if (current === null) return false;
  if (previous === null) return true;
  return handshakeClock === 'epoch' ? current !== previous : current - previous > ELAPSED_TOLERANCE_MS;
}
