import { formatAddress, type PublicKey, type TransportAddress } from '@wirepath/core/plugin';
import type { UapiDeviceState, UapiPeerState } from './device.js';
import { UAPI_ERRNO, UapiError } from './errno.js';
import { LineReader } from './lines.js';
import {
  formatHexKey,
  formatPublicKey,
  isZero,
  parseCidr,
  parseDecimal,
  parseEndpoint,
  parseHexKey,
  parsePublicKey,
} from './values.js';

/** A `get=1` answer is longer than the request that made the device. */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** The answer to a refused or accepted `set=1`, and to a refused `get=1`. @param errno positive, or 0. */
export function formatErrnoAnswer(errno: number): string {
  return `errno=${errno === 0 ? 0 : -errno}\n\n`;
}

/** The answer to `get=1`. */
export function formatGetAnswer(state: UapiDeviceState): string {
  const lines: string[] = [];
  if (state.privateKey !== undefined) lines.push(`private_key=${formatHexKey(state.privateKey)}`);
  if (state.listenPort !== 0) lines.push(`listen_port=${state.listenPort}`);
  if (state.fwmark !== 0) lines.push(`fwmark=${state.fwmark}`);
  for (const peer of state.peers) lines.push(...peerLines(peer));
  lines.push('errno=0');
  return `${lines.join('\n')}\n\n`;
}

function peerLines(peer: UapiPeerState): string[] {
  return [
    `public_key=${formatPublicKey(peer.publicKey)}`,
    `preshared_key=${peer.presharedKey === undefined ? '0'.repeat(64) : formatHexKey(peer.presharedKey)}`,
    'protocol_version=1',
    ...(peer.endpoint === undefined ? [] : [`endpoint=${formatAddress(peer.endpoint)}`]),
    `last_handshake_time_sec=${peer.lastHandshake?.seconds ?? 0}`,
    `last_handshake_time_nsec=${peer.lastHandshake?.nanoseconds ?? 0}`,
    `tx_bytes=${peer.txBytes}`,
    `rx_bytes=${peer.rxBytes}`,
    `persistent_keepalive_interval=${peer.keepaliveSeconds}`,
    ...peer.allowedIps.map((cidr) => `allowed_ip=${cidr}`),
  ];
}

interface PeerDraft {
  publicKey: PublicKey;
  presharedKey?: Uint8Array;
  endpoint?: TransportAddress;
  seconds: number;
  nanoseconds: number;
  rxBytes: number;
  txBytes: number;
  keepaliveSeconds: number;
  allowedIps: string[];
}

interface StateDraft {
  ownPublicKey?: PublicKey;
  privateKey?: Uint8Array;
  listenPort: number;
  fwmark: number;
  peers: PeerDraft[];
}

const COUNTER_MAX = 2 ** 64;

const DEVICE_KEYS = new Map<string, (draft: StateDraft, value: string) => unknown>([
  ['own_public_key', (draft, value) => (draft.ownPublicKey = required(parsePublicKey(value)))],
  ['private_key', (draft, value) => setSecret(value, (key) => (draft.privateKey = key))],
  ['listen_port', (draft, value) => (draft.listenPort = required(parseDecimal(value, 65535)))],
  ['fwmark', (draft, value) => (draft.fwmark = required(parseDecimal(value, 0xffff_ffff)))],
]);

const PEER_KEYS = new Map<string, (draft: PeerDraft, value: string) => unknown>([
  ['preshared_key', (draft, value) => setSecret(value, (key) => (draft.presharedKey = key))],
  ['endpoint', (draft, value) => (draft.endpoint = required(parseEndpoint(value)))],
  ['last_handshake_time_sec', (draft, value) => (draft.seconds = required(parseDecimal(value, COUNTER_MAX)))],
  ['last_handshake_time_nsec', (draft, value) => (draft.nanoseconds = required(parseDecimal(value, 999_999_999)))],
  ['rx_bytes', (draft, value) => (draft.rxBytes = required(parseDecimal(value, COUNTER_MAX)))],
  ['tx_bytes', (draft, value) => (draft.txBytes = required(parseDecimal(value, COUNTER_MAX)))],
  ['persistent_keepalive_interval', (draft, value) => (draft.keepaliveSeconds = required(parseDecimal(value, 65535)))],
  ['allowed_ip', (draft, value) => draft.allowedIps.push(required(parseCidr(value)))],
]);

export interface UapiAnswer {
  /** Positive, or 0. */
  readonly errno: number;
  /** Empty for an answer to `set=1`. */
  readonly state: UapiDeviceState;
}

/**
 * Reads one answer out of a byte stream. Keys that it does not know are passed over: newer devices have more.
 */
export class UapiAnswerReader {
  readonly #lines: LineReader;
  readonly #draft: StateDraft = { listenPort: 0, fwmark: 0, peers: [] };
  #errno: number | undefined;
  #answer: UapiAnswer | undefined;
  #error: UapiError | undefined;

  constructor(options: { maxAnswerBytes?: number } = {}) {
    this.#lines = new LineReader(options.maxAnswerBytes ?? MAX_ANSWER_BYTES);
  }

  /**
   * @returns the answer once it is complete.
   * @throws UapiError EPROTO for what is no answer.
   */
  push(bytes: Uint8Array): UapiAnswer | undefined {
    this.#lines.push(bytes, (line) => {
      if (this.#answer !== undefined || this.#error !== undefined) return;
      if (line === '') this.#finish();
      else this.#take(line);
    });
    if (this.#lines.overflowed) this.#error ??= new UapiError(UAPI_ERRNO.EPROTO, 'the answer is too long');
    if (this.#error !== undefined) throw this.#error;
    return this.#answer;
  }

  #take(line: string): void {
    const separator = line.indexOf('=');
    const key = line.slice(0, Math.max(0, separator));
    const value = line.slice(separator + 1);
    try {
      if (key === 'errno') this.#errno = parseErrno(value);
      else if (key === 'public_key') this.#draft.peers.push(emptyPeer(required(parsePublicKey(value))));
      else {
        const peer = this.#draft.peers.at(-1);
        if (peer === undefined) DEVICE_KEYS.get(key)?.(this.#draft, value);
        else PEER_KEYS.get(key)?.(peer, value);
      }
    } catch (error) {
      if (!(error instanceof NotAValue)) throw error;
      this.#error = new UapiError(UAPI_ERRNO.EPROTO, `not a value of ${key}`);
    }
  }

  #finish(): void {
    if (this.#errno === undefined) {
      this.#error = new UapiError(UAPI_ERRNO.EPROTO, 'the answer has no errno');
      return;
    }
    const { peers, ...device } = this.#draft;
    this.#answer = { errno: this.#errno, state: { ...device, peers: peers.map(peerState) } };
  }
}

function emptyPeer(publicKey: PublicKey): PeerDraft {
  return { publicKey, seconds: 0, nanoseconds: 0, rxBytes: 0, txBytes: 0, keepaliveSeconds: 0, allowedIps: [] };
}

function peerState({ seconds, nanoseconds, ...peer }: PeerDraft): UapiPeerState {
  return seconds === 0 && nanoseconds === 0 ? peer : { ...peer, lastHandshake: { seconds, nanoseconds } };
}

class NotAValue extends Error {}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new NotAValue();
  return value;
}

function setSecret(value: string, take: (key: Uint8Array) => void): void {
  const key = required(parseHexKey(value));
  if (!isZero(key)) take(key);
}

function parseErrno(value: string): number {
  return required(/^-?\d{1,9}$/.test(value) ? Math.abs(Number(value)) : undefined);
}
