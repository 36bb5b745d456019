import { tryTransportAddress, type TransportAddress } from '@wirepath/stun-codec';
import { parseCidr } from '../../base/addresses/cidr.js';
import { isPeerName, PEER_NAME_EXPECTED } from '../../base/text/peer-name.js';
import type { Identity, PublicKey } from '../../base/identity/identity.js';
import type { Peer, PeerChange } from '../../contracts/peer-discovery.js';
import { oneLine, shown } from '../../base/guard/refusals.js';
import { isKeyText, parsePublicKey } from '../../base/identity/keys.js';
import { isSmallOrder } from '../../base/identity/small-order.js';

/** More networks than any router has for one neighbour. */
const MAX_ALLOWED_IPS = 10_000;
const DEFAULT_KEEPALIVE_SECONDS = 25;

export type CheckedChange =
  /** Complete, canonical and frozen: nothing of the plugin's own objects is left in it. */
  | { readonly change: PeerChange }
  /** It speaks of ourselves: one list may serve every machine. */
  | { readonly own: true }
  | RefusedChange;

export interface RefusedChange {
  /** Names the peer as well as it can be named. */
  readonly subject: string;
  /** A clause that follows it. */
  readonly why: string;
  /** The peer's, where it is one. */
  readonly publicKey: PublicKey | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** Thrown inside and answered at once. */
class Refused extends Error {}

/** Reads a change as a plugin yields it, which may be anything, and may throw when it is looked at. */
export function checkPeerChange(value: unknown, identity: Identity): CheckedChange {
  let subject = 'a change of a peer';
  let about: PublicKey | undefined;
  try {
    const fields = objectOf(value, 'an object with `kind`');
    const { kind } = fields;
    if (kind === 'remove') {
      const publicKey = keyOf(fields['publicKey']);
      subject = subjectOf(publicKey);
      about = publicKey;
      return publicKey === identity.publicKey ? { own: true } : { change: Object.freeze({ kind, publicKey }) };
    }
    if (kind !== 'set') throw new Refused(`expected \`kind\` set or remove, found ${shown(kind)}`);
    const peer = objectOf(fields['peer'], '`peer` to be an object');
    const { name, publicKey } = peer;
    subject = subjectOf(publicKey, name);
    const key = keyOf(publicKey);
    about = key;
    if (key === identity.publicKey) return { own: true };
    return { change: Object.freeze({ kind, peer: peerOf(peer, name, key) }) };
  } catch (error) {
    return { subject, why: error instanceof Refused ? error.message : 'it throws when it is read', publicKey: about };
  }
}

/** How a peer is named in problems: by its name where it has one that can be shown, and by its key. */
export function subjectOf(publicKey: unknown, name?: unknown): string {
  const named =
    typeof name === 'string' && name !== '' ? `peer ${JSON.stringify(oneLine(name).slice(0, 64))}` : 'a peer';
  // What is no public key is not shown: it may be a private one, put in the wrong place.
  return typeof publicKey === 'string' && isKeyText(publicKey) ? `${named} (${publicKey})` : named;
}

function peerOf(fields: Fields, name: unknown, publicKey: PublicKey): Peer {
  const { presharedKey, allowedIps, keepaliveSeconds, endpoint } = fields;
  if (typeof name !== 'string' || !isPeerName(name))
    throw new Refused(`expected ${PEER_NAME_EXPECTED}, found ${shown(name)}`);
  if (isSmallOrder(parsePublicKey(publicKey)))
    throw new Refused('expected a usable public key, found a key of small order');
  const address = endpointOf(endpoint);
  return Object.freeze({
    name,
    publicKey,
    ...(presharedKey === undefined ? {} : { presharedKey: presharedKeyOf(presharedKey) }),
    allowedIps: networksOf(allowedIps),
    keepaliveSeconds: keepaliveOf(keepaliveSeconds, address === undefined ? DEFAULT_KEEPALIVE_SECONDS : 0),
    ...(address === undefined ? {} : { endpoint: address }),
  });
}

function keyOf(value: unknown): PublicKey {
  if (typeof value === 'string' && isKeyText(value)) return value;
  const found = typeof value === 'string' ? `text of ${value.length} characters` : shown(value);
  throw new Refused(`expected \`publicKey\` to be 44 characters of base64, found ${found}`);
}

function networksOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw new Refused(`expected \`allowedIps\` to be a list, found ${shown(value)}`);
  if (value.length > MAX_ALLOWED_IPS)
    throw new Refused(`expected at most ${MAX_ALLOWED_IPS} \`allowedIps\`, found ${value.length}`);
  const networks = new Set<string>();
  for (const text of value as unknown[]) {
    const cidr = typeof text === 'string' ? parseCidr(text) : undefined;
    if (cidr === undefined) throw new Refused(`expected CIDRs in \`allowedIps\`, found ${shown(text)}`);
    networks.add(cidr.network);
  }
  return Object.freeze([...networks]);
}

function presharedKeyOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array && value.length === 32) return Uint8Array.from(value);
  throw new Refused('expected `presharedKey` to be a Uint8Array of 32 bytes, found something else (not shown)');
}

function keepaliveOf(value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65535) return value;
  throw new Refused(`expected \`keepaliveSeconds\` to be a whole number from 0 to 65535, found ${shown(value)}`);
}

function endpointOf(value: unknown): TransportAddress | undefined {
  if (value === undefined) return undefined;
  const { ip, port } = objectOf(value, '`endpoint` to be an object with `ip` and `port`');
  const address = tryTransportAddress(ip, port);
  if (address === undefined || address.port === 0)
    throw new Refused(`expected \`endpoint\` to be an IP address and a port, found ${shown(ip)} and ${shown(port)}`);
  return address;
}

function objectOf(value: unknown, expected: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new Refused(`expected ${expected}, found ${shown(value)}`);
}
