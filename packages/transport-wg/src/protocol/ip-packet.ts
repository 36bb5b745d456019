/**
 * The little that WireGuard reads of an inner IP packet. Functions of the hot path: they take an offset, not a view.
 */

export const IPV4_SOURCE = 12;
export const IPV4_DESTINATION = 16;
export const IPV6_SOURCE = 8;
export const IPV6_DESTINATION = 24;
const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;

/** @returns the IP version of the packet in `bytes[offset, offset + available)` when its header fits, else 0. */
export function ipVersion(bytes: Uint8Array, offset: number, available: number): 4 | 6 | 0 {
  const version = (bytes[offset] ?? 0) >> 4;
  if (version === 4 && available >= IPV4_HEADER_BYTES) return 4;
  if (version === 6 && available >= IPV6_HEADER_BYTES) return 6;
  return 0;
}

/** The packet's own length in bytes, which leaves out WireGuard's padding; undefined when the header lies. */
export function ipLength(bytes: Uint8Array, offset: number, available: number, version: 4 | 6): number | undefined {
  const at = offset + (version === 4 ? 2 : 4);
  const field = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  const length = version === 4 ? field : field + IPV6_HEADER_BYTES;
  return length < IPV4_HEADER_BYTES || length > available ? undefined : length;
}
