/** Constants of the protocol, version 1: docs/lan-protocol.md. Nodes of other values do not hear each other. */

/** Link-local groups for experiments (RFC 4727): switches hand them to everybody, and no router forwards them. */
export const GROUP_4 = '224.0.0.254';
export const GROUP_6 = 'ff02::114';
export const DEFAULT_PORT = 51_819;

/** Every datagram, beacon or frame, has this length: under IPv6's least MTU. */
export const DATAGRAM_BYTES = 1200;
export const TAG_BYTES = 16;
export const TAGS_PER_BEACON = DATAGRAM_BYTES / TAG_BYTES;

/** A node sends a tag in one slot only, and begins with the slot after its start: no two runs can send the same. */
export const SLOT_MS = 250;
export const SLOTS_PER_EPOCH = 64;
/** Keys and tags are derived for so long at a time. Clocks may differ by this much. */
export const EPOCH_MS = SLOT_MS * SLOTS_PER_EPOCH;

/** Larger than any sealed message of the core. */
export const MAX_SEALED_BYTES = 8192;
/** Peers that tags are kept for, some 10 KiB each. */
export const MAX_PEERS = 1024;
/** Messages to one peer that wait until it has been found; of more, the oldest goes. */
export const MAX_WAITING = 4;

/** Between two beacons while a peer is looked for: quick at first, and then as often as a stranger's network bears. */
export const BEACON_GAPS_MS = [500, 1000, 2000, 4000, 8000, 15_000] as const;
/** Beacons of one round: with more peers to find, they take turns. */
export const BEACONS_PER_ROUND = 4;
/** A message for a peer that was not found by then is dropped: the core calls again while it wants the peer. */
export const WAITING_MS = 240_000;
/** Datagrams a second that a node sends by multicast, in the long run and at once. */
export const BEACONS_PER_SECOND = 1;
export const BEACON_BURST = 12;
/** Beacons a second on one network, of all nodes together, from which on each waits longer between its own ... */
export const SEGMENT_BEACONS_PER_SECOND = 20;
/** ... up to so many times as long: whoever floods the network can slow the search, not end it. */
export const MAX_STRETCH = 8;

/** Frames a second to one peer, in the long run and at once: a message is up to eight. */
export const FRAMES_PER_SECOND = 20;
export const FRAME_BURST = 64;
/** Frames a second to all peers together. */
export const NODE_FRAMES_PER_SECOND = 400;
export const NODE_FRAME_BURST = 800;

/** A message that is not acknowledged by then goes out again, by multicast first: the peer may be elsewhere. */
export const ACK_MS = 300;
