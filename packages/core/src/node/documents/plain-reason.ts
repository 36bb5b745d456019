import { formatAddress } from '@wirepath/stun-codec';
import type { TransportPeerStats } from '../../contracts/transport.js';
import { SESSION_MS } from '../../engine/timings.js';
import type { PeerStatus } from './documents.js';

/** Whether a peer that nothing is known of but what WireGuard says has a session. */
export function hasSession({ lastHandshakeMs }: TransportPeerStats, nowMs: number): boolean {
  return lastHandshakeMs !== null && nowMs - lastHandshakeMs < SESSION_MS;
}

/** Why such a peer is not connected, in one line; null where it is. */
export function plainReason(stats: TransportPeerStats | undefined, nowMs: number): string | null {
  if (stats === undefined || hasSession(stats, nowMs)) return null;
  const { endpoint, lastHandshakeMs, txBytes, rxBytes } = stats;
  if (endpoint === null) return 'it has no endpoint, and has to call first';
  if (lastHandshakeMs !== null) {
    const minutes = Math.round((nowMs - lastHandshakeMs) / 60_000);
    return `the last handshake is ${minutes} min old: nothing was sent since then, or nothing comes back`;
  }
  if (txBytes === 0) return 'no handshake was begun yet';
  return rxBytes === 0
    ? `nothing has answered at ${formatAddress(endpoint)} so far`
    : `what comes from ${formatAddress(endpoint)} is no answer to our handshakes`;
}

/** What to look at. */
export function plainAdvice({ name, endpoint, reason }: PeerStatus): string[] {
  if (reason === null) return [];
  if (endpoint === null) return [`Give ${name} an \`endpoint\`, or have it call: then it needs ours.`];
  return [
    `Check that WireGuard listens at ${endpoint}, that its firewall lets UDP in there, and that its key is the \`publicKey\` of ${name} here.`,
    `Check at ${name} that it has this node's public key as a peer: WireGuard answers nobody else.`,
  ];
}
