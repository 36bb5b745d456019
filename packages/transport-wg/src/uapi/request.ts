import { formatAddress, type PublicKey, type TransportAddress } from '@wirepath/core/plugin';
import type { UapiAllowedIpChange, UapiChange, UapiPeerChange } from './device.js';
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
  parseTrue,
} from './values.js';

/** Room for some ten thousand peers in one `wg syncconf`. */
export const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

/** One request of the cross-platform UAPI (https://www.wireguard.com/xplatform/), or what is wrong with it. */
export type UapiRequest =
  | { readonly kind: 'get' }
  | { readonly kind: 'set'; readonly change: UapiChange }
  /** `fatal`: where the next request starts cannot be told; answer and hang up. */
  | { readonly kind: 'invalid'; readonly error: UapiError; readonly fatal: boolean };

interface PeerDraft {
  publicKey: PublicKey;
  remove: boolean;
  updateOnly: boolean;
  presharedKey?: Uint8Array | null;
  endpoint?: TransportAddress;
  keepaliveSeconds?: number;
  replaceAllowedIps: boolean;
  allowedIps: UapiAllowedIpChange[];
}

interface ChangeDraft {
  privateKey?: Uint8Array | null;
  listenPort?: number;
  fwmark?: number;
  replacePeers: boolean;
  peers: PeerDraft[];
}

/** Each takes a value into the draft, or returns false where it is none. A key that is not here is unknown. */
const DEVICE_KEYS = new Map<string, (draft: ChangeDraft, value: string) => boolean>([
  ['private_key', (draft, value) => defined(parseSecret(value), (key) => (draft.privateKey = key))],
  ['listen_port', (draft, value) => defined(parseDecimal(value, 65535), (port) => (draft.listenPort = port))],
  ['fwmark', (draft, value) => defined(parseDecimal(value, 0xffff_ffff), (mark) => (draft.fwmark = mark))],
  ['replace_peers', (draft, value) => defined(parseTrue(value), (yes) => (draft.replacePeers = yes))],
]);

const PEER_KEYS = new Map<string, (draft: PeerDraft, value: string) => boolean>([
  ['remove', (draft, value) => defined(parseTrue(value), (yes) => (draft.remove = yes))],
  ['update_only', (draft, value) => defined(parseTrue(value), (yes) => (draft.updateOnly = yes))],
  ['preshared_key', (draft, value) => defined(parseSecret(value), (key) => (draft.presharedKey = key))],
  ['endpoint', (draft, value) => defined(parseEndpoint(value), (endpoint) => (draft.endpoint = endpoint))],
  [
    'persistent_keepalive_interval',
    (draft, value) => defined(parseDecimal(value, 65535), (seconds) => (draft.keepaliveSeconds = seconds)),
  ],
  [
    'replace_allowed_ips',
    (draft, value) =>
      defined(parseTrue(value), (yes) => {
        draft.replaceAllowedIps = yes;
        draft.allowedIps = [];
      }),
  ],
  [
    'allowed_ip',
    (draft, value) => {
      const remove = value.startsWith('-');
      return defined(parseCidr(remove ? value.slice(1) : value), (cidr) => draft.allowedIps.push({ cidr, remove }));
    },
  ],
  ['protocol_version', (_draft, value) => value === '1'],
]);

/**
 * Reads requests out of a byte stream. A request that is wrong anywhere changes nothing: it is reported once, at its
 * blank line, and the next one is read as if nothing had been.
 */
export class UapiRequestReader {
  readonly #lines: LineReader;
  #verb: 'get' | 'set' | undefined;
  #draft: ChangeDraft | undefined;
  #peer: PeerDraft | undefined;
  #error: UapiError | undefined;
  #over = false;

  constructor(options: { maxRequestBytes?: number } = {}) {
    this.#lines = new LineReader(options.maxRequestBytes ?? MAX_REQUEST_BYTES);
  }

  /** True between requests. */
  get idle(): boolean {
    return this.#lines.idle && this.#verb === undefined;
  }

  /** Never throws. @returns the requests that `bytes` completes. */
  push(bytes: Uint8Array): UapiRequest[] {
    if (this.#over) return [];
    const requests: UapiRequest[] = [];
    this.#lines.push(bytes, (line) => {
      if (line === '') requests.push(this.#finish());
      else this.#error ??= this.#take(line);
    });
    if (this.#lines.overflowed) {
      this.#over = true;
      const error = new UapiError(UAPI_ERRNO.EINVAL, 'the request is too long');
      requests.push({ kind: 'invalid', error, fatal: true });
    }
    return requests;
  }

  #take(line: string): UapiError | undefined {
    const separator = line.indexOf('=');
    if (separator === -1) return new UapiError(UAPI_ERRNO.EINVAL, 'a line without "="');
    const key = line.slice(0, separator);
    const value = line.slice(separator + 1);
    if (this.#verb === undefined) return this.#begin(key, value);
    if (this.#draft === undefined) return new UapiError(UAPI_ERRNO.EINVAL, 'get=1 takes no more lines');
    if (key === 'public_key') return this.#beginPeer(this.#draft, value);
    const taken =
      this.#peer === undefined ? DEVICE_KEYS.get(key)?.(this.#draft, value) : PEER_KEYS.get(key)?.(this.#peer, value);
    if (taken === undefined) return new UapiError(UAPI_ERRNO.EINVAL, `unknown key ${wordOf(key)}`);
    return taken ? undefined : new UapiError(UAPI_ERRNO.EINVAL, `not a value of ${key}`);
  }

  #begin(key: string, value: string): UapiError | undefined {
    if ((key !== 'get' && key !== 'set') || value !== '1') {
      return new UapiError(UAPI_ERRNO.EINVAL, 'expected get=1 or set=1');
    }
    this.#verb = key;
    if (key === 'set') this.#draft = { replacePeers: false, peers: [] };
    return undefined;
  }

  #beginPeer(draft: ChangeDraft, value: string): UapiError | undefined {
    const publicKey = parsePublicKey(value);
    if (publicKey === undefined) return new UapiError(UAPI_ERRNO.EINVAL, 'not a value of public_key');
    this.#peer = { publicKey, remove: false, updateOnly: false, replaceAllowedIps: false, allowedIps: [] };
    draft.peers.push(this.#peer);
    return undefined;
  }

  #finish(): UapiRequest {
    const error =
      this.#error ?? (this.#verb === undefined ? new UapiError(UAPI_ERRNO.EINVAL, 'an empty request') : undefined);
    const change = this.#draft;
    this.#verb = this.#draft = this.#peer = this.#error = undefined;
    if (error) return { kind: 'invalid', error, fatal: false };
    return change === undefined ? { kind: 'get' } : { kind: 'set', change };
  }
}

export function formatGetRequest(): string {
  return 'get=1\n\n';
}

export function formatSetRequest(change: UapiChange): string {
  const lines = ['set=1'];
  if (change.privateKey !== undefined) lines.push(`private_key=${formatSecret(change.privateKey)}`);
  if (change.listenPort !== undefined) lines.push(`listen_port=${change.listenPort}`);
  if (change.fwmark !== undefined) lines.push(`fwmark=${change.fwmark}`);
  if (change.replacePeers) lines.push('replace_peers=true');
  for (const peer of change.peers) lines.push(...peerLines(peer));
  return `${lines.join('\n')}\n\n`;
}

function peerLines(peer: UapiPeerChange): string[] {
  const lines = [`public_key=${formatPublicKey(peer.publicKey)}`];
  if (peer.remove) lines.push('remove=true');
  if (peer.updateOnly) lines.push('update_only=true');
  if (peer.presharedKey !== undefined) lines.push(`preshared_key=${formatSecret(peer.presharedKey)}`);
  if (peer.endpoint !== undefined) lines.push(`endpoint=${formatAddress(peer.endpoint)}`);
  if (peer.keepaliveSeconds !== undefined) lines.push(`persistent_keepalive_interval=${peer.keepaliveSeconds}`);
  if (peer.replaceAllowedIps) lines.push('replace_allowed_ips=true');
  for (const { cidr, remove } of peer.allowedIps) lines.push(`allowed_ip=${remove ? '-' : ''}${cidr}`);
  return lines;
}

/** 32 zero bytes say "none". */
function parseSecret(text: string): Uint8Array | null | undefined {
  const key = parseHexKey(text);
  return key !== undefined && isZero(key) ? null : key;
}

function formatSecret(key: Uint8Array | null): string {
  return key === null ? '0'.repeat(64) : formatHexKey(key);
}

function defined<T>(value: T | undefined, take: (value: T) => unknown): boolean {
  if (value === undefined) return false;
  take(value);
  return true;
}

/** A key from outside, fit for an error message: a secret pasted in the wrong place is not a word. */
function wordOf(key: string): string {
  return /^[a-z_]{1,40}$/.test(key) ? `"${key}"` : '(not a word)';
}
