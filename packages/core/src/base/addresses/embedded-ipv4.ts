/**
 * The IPv4 addresses that an IPv6 address leads to, 4 bytes each: 6to4 (RFC 3056), NAT64 (RFC 6052, RFC 8215), Teredo's
 * server and client (RFC 4380), IPv4-translated (RFC 2765), IPv4-compatible (RFC 4291), and ISATAP under any prefix (RFC
 * 5214). None for others; IPv4-mapped ones are IPv4 already when they get here. @param bytes 4 or 16, network byte order.
 */
export function embeddedIpv4(bytes: Uint8Array): readonly Uint8Array[] {
  // `::` and `::1` carry nothing, although the IPv4-compatible addresses begin there.
  if (bytes.length !== 16 || (isZero(bytes, 0, 15) && (bytes[15] ?? 0) <= 1)) return [];
  const starts = (...prefix: readonly number[]) => prefix.every((byte, index) => bytes[index] === byte);
  const last = bytes.subarray(12);
  if (starts(0x20, 0x02)) return [bytes.subarray(2, 6), ...(isIsatap(bytes) ? [last] : [])];
  if (starts(0x20, 0x01, 0, 0)) return [bytes.subarray(4, 8), last.map((byte) => byte ^ 0xff)];
  const isNat64 = starts(0, 0x64, 0xff, 0x9b) && (isZero(bytes, 4, 12) || starts(0, 0x64, 0xff, 0x9b, 0, 1));
  const isTranslated = isZero(bytes, 0, 8) && bytes[8] === 0xff && bytes[9] === 0xff && isZero(bytes, 10, 12);
  return isNat64 || isTranslated || isZero(bytes, 0, 12) || isIsatap(bytes) ? [last] : [];
}

/** The interface identifier is 0:5efe or 200:5efe and the IPv4 address. */
function isIsatap(bytes: Uint8Array): boolean {
  return ((bytes[8] ?? 0) & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe;
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let index = from; index < to; index += 1) if (bytes[index] !== 0) return false;
  return true;
}
