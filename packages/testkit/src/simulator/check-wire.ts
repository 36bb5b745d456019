import { parseTransportAddress, formatAddress, type CandidateType, type TransportAddress } from '@wirepath/core';

/** Connectivity checks as simulated nodes send them: what a STUN message would carry, as JSON behind a byte that is no STUN. */
export type CheckDatagram =
  | {
      readonly kind: 'check';
      /** USERNAME and the key of MESSAGE-INTEGRITY, in the open: a simulation has no attacker. */
      readonly ufrag: string;
      readonly password: string;
      readonly transactionId: string;
      readonly priority: number;
      readonly candidateType: CandidateType;
      readonly useCandidate: boolean;
    }
  | { readonly kind: 'answer'; readonly transactionId: string; readonly mappedAddress: TransportAddress };

/** A character that neither STUN, ChannelData nor the transport begins with, and one byte in UTF-8. */
const MARK = '\x7f';

export function encodeCheck(datagram: CheckDatagram): Uint8Array {
  const json =
    datagram.kind === 'check' ? datagram : { ...datagram, mappedAddress: formatAddress(datagram.mappedAddress) };
  return Buffer.from(MARK + JSON.stringify(json));
}

/** @returns undefined for anything else. */
export function decodeCheck(bytes: Uint8Array): CheckDatagram | undefined {
  if (bytes[0] !== MARK.charCodeAt(0)) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + 1, bytes.byteLength - 1).toString();
  const datagram = JSON.parse(text) as CheckDatagram & { mappedAddress: string };
  if (datagram.kind === 'check') return datagram;
  const mappedAddress = parseTransportAddress(datagram.mappedAddress);
  return mappedAddress && { ...datagram, mappedAddress };
}
