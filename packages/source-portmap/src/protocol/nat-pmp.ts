import { transportAddress, tryTransportAddress } from '@wirepath/core/plugin';
import { whyUnusable } from './external-address.js';
import { isFrom, type GatewayAnswer, type GatewayRequest, type Inquiry, type Outcome, type Wish } from './inquiry.js';
import { believedLifetimeMs } from './lifetime.js';
import { PCP_PORT } from './pcp.js';
import { Retransmission } from './retransmission.js';

const VERSION = 0;
const OP_EXTERNAL_ADDRESS = 0;
const OP_MAP_UDP = 1;
const RESPONSE = 0x80;

/** RFC 6886 3.5. */
const RESULTS: readonly string[] = [
  'success',
  'it does not know this version',
  'its policy refuses it',
  'it has no address of the internet: it may stand behind another NAT',
  'it has no resources left',
  'it knows no mappings',
];

/** What NAT-PMP's servers answer, also unasked (RFC 6886 3.2 and 3.3). */
export type NatPmpResponse =
  | { readonly op: 'external-address'; readonly result: number; readonly epochSeconds: number; readonly ip: string }
  | {
      readonly op: 'map';
      readonly result: number;
      readonly epochSeconds: number;
      readonly internalPort: number;
      readonly externalPort: number;
      readonly lifetimeSeconds: number;
    };

const EXTERNAL_ADDRESS_REQUEST = Uint8Array.of(VERSION, OP_EXTERNAL_ADDRESS);

/** @param externalPort what would be liked. @param lifetimeSeconds 0, with port 0, removes the mapping. */
export function encodeMapRequest(internalPort: number, externalPort: number, lifetimeSeconds: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  bytes[1] = OP_MAP_UDP;
  view.setUint16(4, internalPort);
  view.setUint16(6, externalPort);
  view.setUint32(8, lifetimeSeconds);
  return bytes;
}

/** @returns undefined for what is none. */
export function decodeResponse(bytes: Uint8Array): NatPmpResponse | undefined {
  if (bytes.length < 8 || bytes.length > 16 || bytes[0] !== VERSION) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = { result: view.getUint16(2), epochSeconds: view.getUint32(4) };
  // One that refuses may leave out the rest.
  if (bytes[1] === (RESPONSE | OP_EXTERNAL_ADDRESS)) {
    if (bytes.length < 12) return head.result === 0 ? undefined : { op: 'external-address', ...head, ip: '0.0.0.0' };
    return { op: 'external-address', ...head, ip: bytes.subarray(8, 12).join('.') };
  }
  if (bytes[1] !== (RESPONSE | OP_MAP_UDP) || bytes.length < 16) return undefined;
  return {
    op: 'map',
    ...head,
    internalPort: view.getUint16(8),
    externalPort: view.getUint16(10),
    lifetimeSeconds: view.getUint32(12),
  };
}

/** Asks for the external address first, which makes nothing, and then for the mapping (RFC 6886). IPv4 alone. */
export class NatPmpInquiry implements Inquiry {
  readonly protocol = 'nat-pmp';
  outcome: Outcome | undefined;
  readonly #retransmission = new Retransmission();
  readonly #remove: boolean;
  #state: 'asking' | 'ready' | 'mapping';
  #externalIp = '';
  #requests: GatewayRequest[] = [];

  constructor(
    readonly wish: Wish,
    now: number,
    { remove = false } = {},
  ) {
    this.#remove = remove;
    this.#state = remove ? 'mapping' : 'asking';
    this.#retransmission.start(now);
    this.#send();
  }

  get isReady(): boolean {
    return this.outcome === undefined && this.#state === 'ready';
  }

  commit(now: number): void {
    if (!this.isReady) return;
    this.#state = 'mapping';
    this.#retransmission.start(now);
    this.#send();
  }

  nextTimeout(): number {
    return this.#retransmission.nextTimeout();
  }

  handleTimeout(now: number): void {
    const todo = this.#retransmission.handleTimeout(now);
    if (todo === 'send-again') this.#send();
    if (todo === 'give-up') this.#fail('no answer', this.#state === 'asking');
  }

  handle(answer: GatewayAnswer): boolean {
    if (answer.kind !== 'datagram' || !isFrom(answer, this.wish.gatewayIp) || answer.from.port !== PCP_PORT)
      return false;
    const response = decodeResponse(answer.bytes);
    if (response === undefined) return false;
    if (this.outcome !== undefined) return true;
    if (response.op === 'external-address' && this.#state === 'asking') this.#takeAddress(response);
    if (response.op === 'map' && this.#state === 'mapping' && response.internalPort === this.wish.internalPort)
      this.#settle(response);
    return true;
  }

  takeRequests(): GatewayRequest[] {
    return this.#requests.splice(0);
  }

  /** Mappings of one internal port are one to NAT-PMP, whoever made them: nothing is undone here, and it expires. */
  abandon(): void {
    this.#retransmission.stop();
  }

  #takeAddress({ result, ip }: NatPmpResponse & { op: 'external-address' }): void {
    if (result !== 0) return this.#fail(refusal(result));
    this.#externalIp = ip;
    this.#state = 'ready';
    this.#retransmission.stop();
  }

  #settle({ result, externalPort, lifetimeSeconds, epochSeconds }: NatPmpResponse & { op: 'map' }): void {
    if (result !== 0) return this.#fail(refusal(result));
    this.#retransmission.stop();
    if (this.#remove) {
      this.outcome = { kind: 'unmapped' };
      return;
    }
    const lifetimeMs = believedLifetimeMs(lifetimeSeconds);
    const external = tryTransportAddress(this.#externalIp, externalPort);
    const wrong = lifetimeMs === undefined ? 'it maps for no time' : whyUnusable(external, this.wish.clientIp);
    if (wrong !== undefined || lifetimeMs === undefined || external === undefined) return this.#fail(wrong ?? '');
    this.outcome = { kind: 'mapped', mapping: { protocol: 'nat-pmp', external, lifetimeMs, epochSeconds } };
  }

  #fail(reason: string, silent = false): void {
    this.#retransmission.stop();
    this.outcome = { kind: 'failed', protocol: 'nat-pmp', reason, silent };
  }

  #send(): void {
    const { internalPort, suggestedPort, lifetimeSeconds, gatewayIp } = this.wish;
    const map = () =>
      this.#remove
        ? encodeMapRequest(internalPort, 0, 0)
        : encodeMapRequest(internalPort, suggestedPort, lifetimeSeconds);
    const bytes = this.#state === 'mapping' ? map() : EXTERNAL_ADDRESS_REQUEST;
    this.#requests.push({ kind: 'datagram', to: transportAddress(gatewayIp, PCP_PORT), bytes });
  }
}

function refusal(result: number): string {
  return `${RESULTS[result] ?? 'it refuses'} (NAT-PMP result ${result})`;
}
