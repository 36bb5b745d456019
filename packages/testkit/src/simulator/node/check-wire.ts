import { parseTransportAddress, formatAddress, type CandidateType, type TransportAddress } from '@wirepath/core';

/** Connectivity checks as simulated nodes send them: what a STUN message would carry, as words. */
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

/** A character that neither STUN, ChannelData nor the transport begins with. */
const MARK = '\x7f';

export function encodeCheck(datagram: CheckDatagram): Uint8Array {
  return Buffer.from([MARK, datagram.kind, ...fieldsOf(datagram)].join(' '), 'latin1');
}

function fieldsOf(datagram: CheckDatagram): readonly (string | number)[] {
  if (datagram.kind === 'answer') return [datagram.transactionId, formatAddress(datagram.mappedAddress)];
  const { ufrag, password, transactionId, priority, candidateType, useCandidate } = datagram;
  return [ufrag, password, transactionId, priority, candidateType, useCandidate ? 'use' : 'check'];
}

/** @returns undefined for anything else. */
export function decodeCheck(bytes: Uint8Array): CheckDatagram | undefined {
  if (bytes[0] !== MARK.charCodeAt(0)) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const [, kind, ...fields] = text.split(' ');
  if (kind === 'answer') {
    const [transactionId = '', address = ''] = fields;
    const mappedAddress = parseTransportAddress(address);
    return mappedAddress && { kind, transactionId, mappedAddress };
  }
  const [ufrag = '', password = '', transactionId = '', priority, candidateType, use] = fields;
  return {
    kind: 'check',
    ufrag,
    password,
    transactionId,
    priority: Number(priority),
    candidateType: candidateType as CandidateType,
    useCandidate: use === 'use',
  };
}
