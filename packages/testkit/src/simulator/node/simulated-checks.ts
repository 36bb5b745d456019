import {
  parseTransportAddress,
  formatAddress,
  type CandidateType,
  type CheckCodec,
  type CheckReading,
  type PublicKey,
  type SendCheck,
  type TransportAddress,
  type TransportPath,
} from '@wirepath/core';

/** What a STUN message would carry. */
type CheckDatagram =
  | {
      readonly kind: 'check';
      /** USERNAME and the key of MESSAGE-INTEGRITY, in the open: a simulation has no attacker. */
      readonly ufrag: string;
      readonly password: string;
      readonly transactionId: string;
      readonly priority: number;
      readonly candidateType: CandidateType;
      readonly useCandidate: boolean;
      /** Made so large. */
      readonly sizeBytes?: number | undefined;
    }
  | { readonly kind: 'answer'; readonly transactionId: string; readonly mappedAddress: TransportAddress };

/** A character that neither STUN, ChannelData nor the transport begins with. */
const MARK = '\x7f';
/** As in every STUN message: cookie and transaction id stand together. */
const COOKIE = Buffer.of(0x21, 0x12, 0xa4, 0x42);
const ID_START = 1 + COOKIE.length;
const ID_END = ID_START + 12;

/** Connectivity checks as simulated nodes send them: what a STUN message would carry, as words. */
export class SimulatedChecks implements CheckCodec {
  readonly #expected = new Map<string, { readonly peer: PublicKey; readonly password: string }>();

  expect(peer: PublicKey, ufrag: string, password: string): void {
    this.forget(peer);
    this.#expected.set(ufrag, { peer, password });
  }

  forget(peer: PublicKey): void {
    for (const [ufrag, expected] of this.#expected) if (expected.peer === peer) this.#expected.delete(ufrag);
  }

  encodeCheck(check: SendCheck): Uint8Array {
    const { remoteUfrag: ufrag, remotePassword: password, priority, candidateType, useCandidate, sizeBytes } = check;
    const transactionId = Buffer.from(check.transactionId).toString('hex');
    return encode({ kind: 'check', ufrag, password, transactionId, priority, candidateType, useCandidate, sizeBytes });
  }

  encodeAnswer(_peer: PublicKey, transactionId: Uint8Array, to: TransportPath): Uint8Array {
    return encode({
      kind: 'answer',
      transactionId: Buffer.from(transactionId).toString('hex'),
      mappedAddress: to.remote,
    });
  }

  read(path: TransportPath, bytes: Uint8Array): CheckReading {
    const datagram = decode(bytes);
    if (datagram === undefined) return 'not-a-check';
    if (datagram.kind === 'answer') {
      const { transactionId, mappedAddress } = datagram;
      return { type: 'check-response', path, transactionId, mappedAddress };
    }
    const expected = this.#expected.get(datagram.ufrag);
    if (expected === undefined) return 'unknown-user';
    if (expected.password !== datagram.password) return 'forged';
    const { priority, candidateType, useCandidate } = datagram;
    const transactionId = Buffer.from(datagram.transactionId, 'hex');
    return { type: 'check', peer: expected.peer, path, transactionId, priority, candidateType, useCandidate };
  }
}

function encode(datagram: CheckDatagram): Uint8Array {
  const text = Buffer.from([datagram.kind, ...fieldsOf(datagram)].join(' '), 'latin1');
  const start = Buffer.concat([Buffer.from(MARK, 'latin1'), COOKIE, Buffer.from(datagram.transactionId, 'hex'), text]);
  const sizeBytes = datagram.kind === 'check' ? (datagram.sizeBytes ?? 0) : 0;
  return sizeBytes <= start.length ? start : Buffer.concat([start, Buffer.alloc(sizeBytes - start.length, ' ')]);
}

function fieldsOf(datagram: CheckDatagram): readonly (string | number)[] {
  if (datagram.kind === 'answer') return [formatAddress(datagram.mappedAddress)];
  const { ufrag, password, priority, candidateType, useCandidate } = datagram;
  return [ufrag, password, priority, candidateType, useCandidate ? 'use' : 'check'];
}

/** @returns undefined for anything else. */
function decode(bytes: Uint8Array): CheckDatagram | undefined {
  if (bytes[0] !== MARK.charCodeAt(0)) return undefined;
  const datagram = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const transactionId = datagram.toString('hex', ID_START, ID_END);
  const [kind, ...fields] = datagram.toString('latin1', ID_END).split(' ');
  if (kind === 'answer') {
    const [address = ''] = fields;
    const mappedAddress = parseTransportAddress(address);
    return mappedAddress && { kind, transactionId, mappedAddress };
  }
  const [ufrag = '', password = '', priority, candidateType, use] = fields;
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
