import type { PublicKey, TransportAddress, TransportPeer } from '@wirepath/core/plugin';
import { REJECT_AFTER_TIME_MS } from '../../protocol/constants.js';
import type { DeviceControl, UapiDeviceState } from '../../uapi/device.js';
import type { DeviceTraits } from './device-traits.js';
import { lastHandshakeUnixMs } from './handshake-clock.js';
import { putPeer, setKeepalive } from './peer-changes.js';

/** Any interval does: it is set back at once. */
const PASSING_KEEPALIVE_SECONDS = 25;

/**
 * Makes a device start a handshake, for which UAPI has no verb:
 *
 * - A persistent keepalive that is switched on sends one at once. Without a session that takes a handshake, unless an
 *   initiation went out within REKEY_TIMEOUT (5 s); with a session it is a keepalive, which is what a new path needs.
 * - A peer that is removed and added anew knows of no earlier initiation, nor of a session: this is done only where none
 *   is alive and the pending initiation went where it is no use (`fresh`), or where a peer must not be changed in place.
 */
export async function requestHandshake(
  control: DeviceControl,
  request: {
    readonly peer: TransportPeer;
    readonly endpoint: TransportAddress | undefined;
    readonly traits: DeviceTraits;
    readonly fresh: boolean;
    readonly unixMs: () => number;
  },
): Promise<void> {
  const { peer, endpoint, traits, fresh, unixMs } = request;
  const { publicKey, keepaliveSeconds = 0 } = peer;
  if (fresh || !traits.canModifyPeer) {
    if (!hasLiveSession(await control.get(), publicKey, traits, unixMs())) {
      await control.set(putPeer(peer, endpoint, { replace: true, keepaliveSeconds: PASSING_KEEPALIVE_SECONDS }));
      if (traits.canModifyPeer) await control.set(setKeepalive(publicKey, keepaliveSeconds));
      return;
    }
    if (!traits.canModifyPeer) return;
  }
  if (keepaliveSeconds !== 0) {
    await control.set(setKeepalive(publicKey, 0));
    await control.set(setKeepalive(publicKey, keepaliveSeconds));
  } else {
    await control.set(setKeepalive(publicKey, PASSING_KEEPALIVE_SECONDS));
    await control.set(setKeepalive(publicKey, 0));
  }
}

/** Whether the peer's last handshake is young enough for its keys to be used. */
export function hasLiveSession(
  state: UapiDeviceState,
  publicKey: PublicKey,
  { handshakeClock }: DeviceTraits,
  nowUnixMs: number,
): boolean {
  const peer = state.peers.find((each) => each.publicKey === publicKey);
  const atUnixMs = lastHandshakeUnixMs(peer, handshakeClock, nowUnixMs);
  return atUnixMs !== null && nowUnixMs - atUnixMs < REJECT_AFTER_TIME_MS;
}
