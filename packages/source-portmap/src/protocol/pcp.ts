import { ipText, tryTransportAddress, transportAddress, type TransportAddress } from '@wirepath/core/plugin';
import { whyUnusable } from './external-address.js';
import { isFrom, type GatewayAnswer, type GatewayRequest, type Inquiry, type Outcome, type Wish } from './inquiry.js';
import { ipv6Bytes } from './ipv6-bytes.js';
import { believedLifetimeMs } from './lifetime.js';
import { Retransmission } from './retransmission.js';

/** RFC 6887 section 19: of PCP servers, and of NAT-PMP's before them. */
export const PCP_PORT = 5351;
const VERSION = 2;
const OPCODE_MAP = 1;
const RESPONSE = 0x80;
const UDP = 17;
const MAP_BYTES = 60;
/** RFC 6887 section 7: no message is longer. */
const MAX_BYTES = 1100;

/** RFC 6887 7.4. */
const RESULTS: readonly string[] = [
  'success',
  'it does not know this version',
  'its policy refuses it',
  'it finds the request malformed',
  'it knows no MAP',
  'it knows none of the options',
  'it finds the options malformed',
  'it has no address of the internet: it may stand behind another NAT',
  'it has no resources left',
  'it maps no UDP',
  'this machine has as many mappings as it may have',
  'the external address cannot be had',
  'there is a NAT between this machine and it',
  'too many remote peers',
];

/** What a MAP response says (RFC 6887 7.2 and 11.1). */
export interface MapResponse {
  readonly result: number;
  readonly lifetimeSeconds: number;
  readonly epochSeconds: number;
  readonly nonce: Uint8Array;
  readonly internalPort: number;
  readonly external: TransportAddress | undefined;
}

/** @param lifetimeSeconds 0 removes the mapping. */
export function encodeMapRequest(wish: Wish, lifetimeSeconds: number): Uint8Array {
  const bytes = new Uint8Array(MAP_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = VERSION;
  bytes[1] = OPCODE_MAP;
  view.setUint32(4, lifetimeSeconds);
  bytes.set(ipv6Bytes(wish.clientIp), 8);
  bytes.set(wish.nonce, 24);
  bytes[36] = UDP;
  view.setUint16(40, wish.internalPort);
  view.setUint16(42, wish.suggestedPort);
  // RFC 6887 11.2: no suggested address is the unspecified one of the family that is wanted.
  bytes.set(ipv6Bytes(wish.clientIp.includes(':') ? '::' : '0.0.0.0'), 44);
  return bytes;
}

/** @returns `other-version` for what NAT-PMP's servers answer; undefined for what is no MAP response. */
export function decodeMapResponse(bytes: Uint8Array): MapResponse | 'other-version' | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length >= 8 && bytes[0] === 0 && bytes[1] === (RESPONSE | OPCODE_MAP) && view.getUint16(2) === 1)
    return 'other-version';
  if (bytes.length < 24 || bytes.length > MAX_BYTES || bytes.length % 4 !== 0) return undefined;
  if (bytes[0] !== VERSION || bytes[1] !== (RESPONSE | OPCODE_MAP)) return undefined;
  const result = bytes[3] ?? 0;
  // A server that could not read the request has nothing of it to send back.
  if (bytes.length < MAP_BYTES) return undefined;
  return {
    result,
    lifetimeSeconds: view.getUint32(4),
    epochSeconds: view.getUint32(8),
    nonce: bytes.slice(24, 36),
    internalPort: bytes[36] === UDP ? view.getUint16(40) : 0,
    external: tryTransportAddress(textOf(bytes.subarray(44, 60)), view.getUint16(42)),
  };
}

/** MAP (RFC 6887 section 11): makes a mapping, or renews or removes the one of the same nonce. */
export class PcpInquiry implements Inquiry {
  readonly protocol = 'pcp';
  readonly isReady = false;
  outcome: Outcome | undefined;
  readonly #lifetimeSeconds: number;
  readonly #retransmission = new Retransmission();
  #requests: GatewayRequest[] = [];

  constructor(
    readonly wish: Wish,
    now: number,
    { remove = false } = {},
  ) {
    this.#lifetimeSeconds = remove ? 0 : wish.lifetimeSeconds;
    this.#retransmission.start(now);
    this.#send(this.#lifetimeSeconds);
  }

  /** Its first request makes the mapping. */
  commit(): void {}

  nextTimeout(): number {
    return this.#retransmission.nextTimeout();
  }

  handleTimeout(now: number): void {
    const todo = this.#retransmission.handleTimeout(now);
    if (todo === 'send-again') this.#send(this.#lifetimeSeconds);
    if (todo === 'give-up') this.#fail('no answer', true);
  }

  handle(answer: GatewayAnswer): boolean {
    if (answer.kind !== 'datagram' || !isFrom(answer, this.wish.gatewayIp) || answer.from.port !== PCP_PORT)
      return false;
    const response = decodeMapResponse(answer.bytes);
    if (response === undefined || this.outcome !== undefined) return response !== undefined;
    if (response === 'other-version') this.#fail('it speaks NAT-PMP', false);
    else if (this.#isOurs(response)) this.#settle(response);
    return true;
  }

  takeRequests(): GatewayRequest[] {
    return this.#requests.splice(0);
  }

  /** The mapping may have been made although nothing came back. */
  abandon(): void {
    if (this.outcome?.kind !== 'failed') this.#send(0);
    this.#retransmission.stop();
  }

  #settle({ result, lifetimeSeconds, epochSeconds, external }: MapResponse): void {
    if (result !== 0) return this.#fail(`${RESULTS[result] ?? 'it refuses'} (PCP result ${result})`, false);
    this.#retransmission.stop();
    if (this.#lifetimeSeconds === 0) {
      this.outcome = { kind: 'unmapped' };
      return;
    }
    const lifetimeMs = believedLifetimeMs(lifetimeSeconds);
    const wrong = lifetimeMs === undefined ? 'it maps for no time' : whyUnusable(external, this.wish.clientIp);
    if (wrong !== undefined || lifetimeMs === undefined || external === undefined)
      return this.#fail(wrong ?? '', false);
    this.outcome = { kind: 'mapped', mapping: { protocol: 'pcp', external, lifetimeMs, epochSeconds } };
  }

  /** RFC 6887 11.4: nonce, protocol and internal port are those of the request. */
  #isOurs({ nonce, internalPort }: MapResponse): boolean {
    return internalPort === this.wish.internalPort && nonce.every((byte, index) => byte === this.wish.nonce[index]);
  }

  #fail(reason: string, silent: boolean): void {
    this.#retransmission.stop();
    this.outcome = { kind: 'failed', protocol: 'pcp', reason, silent };
  }

  #send(lifetimeSeconds: number): void {
    const to = transportAddress(this.wish.gatewayIp, PCP_PORT);
    this.#requests.push({ kind: 'datagram', to, bytes: encodeMapRequest(this.wish, lifetimeSeconds) });
  }
}

/** IPv4-mapped ones are IPv4 (RFC 6887 section 5). */
function textOf(bytes: Uint8Array): string {
  const isMapped = bytes.every((byte, index) => index >= 12 || byte === (index < 10 ? 0 : 255));
  return ipText(isMapped ? bytes.subarray(12) : bytes);
}
