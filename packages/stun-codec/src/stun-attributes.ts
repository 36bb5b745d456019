import type { TransportAddress } from './address.js';

/** RFC 8445's candidate types. */
export type CandidateType = 'host' | 'server-reflexive' | 'peer-reflexive' | 'relayed';

/** The value of our CANDIDATE-TYPE attribute: what the sender of a connectivity check says of its candidate. */
export interface IceCandidateType {
  readonly type: CandidateType;
  /** Candidate generation of the sender, 0 to 2^32 - 1. */
  readonly generation?: number | undefined;
}

/**
 * The attributes of a message, the same for encoding and decoding. Undefined means absent or, on a decoded message,
 * malformed.
 */
export interface StunAttributes {
  /** SOFTWARE: at most 763 bytes of UTF-8. */
  readonly software?: string | undefined;
  /** USERNAME: at most 508 bytes of UTF-8. */
  readonly username?: string | undefined;
  /** NONCE: at most 763 bytes of UTF-8. */
  readonly nonce?: string | undefined;
  /** REALM: at most 763 bytes of UTF-8. */
  readonly realm?: string | undefined;
  /** ERROR-CODE: 300 to 699, and a reason of at most 127 characters. */
  readonly errorCode?: { readonly code: number; readonly reason: string } | undefined;
  /** UNKNOWN-ATTRIBUTES: the types that a 420 complains of. */
  readonly unknownAttributes?: readonly number[] | undefined;
  /** XOR-MAPPED-ADDRESS; when decoding, MAPPED-ADDRESS where the server sent only that (RFC 3489). */
  readonly mappedAddress?: TransportAddress | undefined;
  /** ALTERNATE-SERVER, with a 300 (Try Alternate). */
  readonly alternateServer?: TransportAddress | undefined;

  /** RFC 8445 PRIORITY, 0 to 2^32 - 1: that of the peer-reflexive candidate which the check may create. */
  readonly priority?: number | undefined;
  /** RFC 8445 USE-CANDIDATE. */
  readonly useCandidate?: boolean | undefined;
  /** RFC 8445 ICE-CONTROLLED: 64-bit tie-breaker. */
  readonly iceControlled?: bigint | undefined;
  /** RFC 8445 ICE-CONTROLLING: 64-bit tie-breaker. */
  readonly iceControlling?: bigint | undefined;
  /** CANDIDATE-TYPE, our own comprehension-optional attribute 0xC0B7. */
  readonly iceCandidateType?: IceCandidateType | undefined;

  /** RFC 5780 CHANGE-REQUEST: answer from the other IP address, from the other port. */
  readonly changeRequest?: { readonly changeIp: boolean; readonly changePort: boolean } | undefined;
  /** RFC 5780 RESPONSE-PORT: send the response to this port of the source address. */
  readonly responsePort?: number | undefined;
  /** RFC 5780 PADDING: its bytes mean nothing, their number makes the datagram large enough to be fragmented. */
  readonly padding?: Uint8Array | undefined;
  /** RFC 5780 RESPONSE-ORIGIN: the address that the response was sent from. */
  readonly responseOrigin?: TransportAddress | undefined;
  /** RFC 5780 OTHER-ADDRESS: where both IP address and port are the server's other ones. */
  readonly otherAddress?: TransportAddress | undefined;

  /** RFC 8656 LIFETIME, in seconds, 0 to 2^32 - 1; 0 deletes the allocation. */
  readonly lifetimeSeconds?: number | undefined;
  /** RFC 8656 REQUESTED-TRANSPORT: the IP protocol number, 17 for UDP. */
  readonly requestedTransport?: number | undefined;
  /** RFC 8656 REQUESTED-ADDRESS-FAMILY. */
  readonly requestedAddressFamily?: 4 | 6 | undefined;
  /** RFC 8656 EVEN-PORT; `reserveNext` is its R bit, which asks for the next higher port to be kept. */
  readonly evenPort?: { readonly reserveNext: boolean } | undefined;
  /** RFC 8656 DONT-FRAGMENT. */
  readonly dontFragment?: boolean | undefined;
  /** RFC 8656 RESERVATION-TOKEN: 8 bytes. */
  readonly reservationToken?: Uint8Array | undefined;
  /** RFC 8656 XOR-RELAYED-ADDRESS. */
  readonly relayedAddress?: TransportAddress | undefined;
  /** RFC 8656 CHANNEL-NUMBER. */
  readonly channelNumber?: number | undefined;
  /** RFC 8656 XOR-PEER-ADDRESS: one in ChannelBind, Send and Data, one or more in CreatePermission. */
  readonly peerAddresses?: readonly TransportAddress[] | undefined;
  /** RFC 8656 DATA: the payload of a Send or Data indication. */
  readonly data?: Uint8Array | undefined;
}
