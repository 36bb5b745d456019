/**
 * Signalling between peers on one network, by multicast: without a server, and without showing strangers who is there.
 *
 * As a plugin, in the rc file: `"@wirepath/signaling-lan"`. In a program:
 *
 * ```ts
 * import { LanSignaling } from '@wirepath/signaling-lan';
 *
 * const lan = new LanSignaling(nodeNeeds);
 * lan.onMessage(({ from, sealed }) => console.log(from, sealed.length));
 * await lan.start({ signal: new AbortController().signal });
 * lan.publish(peersPublicKey, sealedBytes);
 * ```
 *
 * The protocol is specified in docs/lan-protocol.md.
 *
 * @packageDocumentation
 */
export { LanSignaling, type LanSignalingNeeds, type LanSignalingOptions } from './lan-signaling.js';
export type { LanNetwork, LanNetworkEvents } from './edge/lan-network.js';
export type { LanAddress } from './protocol/lan-peer.js';
export { default } from './plugin.js';
