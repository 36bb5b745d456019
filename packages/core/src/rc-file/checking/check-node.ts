import { createIdentity } from '../../base/identity/create-identity.js';
import { describePastedKey, isKeyText, parsePrivateKey, parsePublicKey } from '../../base/identity/keys.js';
import { isSmallOrder } from '../../base/identity/small-order.js';
import type { ConfigFiles } from '../../contracts/plugin/needs.js';
import type { Identity } from '../../base/identity/identity.js';
import type { ProductFacts } from '../product-facts.js';
import { CodedError } from '../../base/errors/coded-error.js';
import { parseCidr, type Cidr } from '../../base/addresses/cidr.js';
import { parseEndpoint } from './endpoint.js';
import { INTERFACE_NAME_RULE, isInterfaceName } from '../../base/addresses/interface-name.js';
import { formatKeyPath } from '../problems/key-path.js';
import type { EndpointSetting, LoadedPeer } from '../loaded-peer.js';
import { checkOverlaps, type PlacedNetwork } from './overlapping-networks.js';
import { seenFrom, type PeerList, type Place } from './peer-list.js';
import { isPeerName, PEER_NAME_EXPECTED } from '../../base/text/peer-name.js';
import type { ProblemList } from '../problems/problem-list.js';
import { describeFound } from './schema-problems.js';

type Path = readonly PropertyKey[];
type Fields = Readonly<Record<string, unknown>>;

const DEFAULT_KEEPALIVE_SECONDS = 25;
const KEY_EXPECTED = 'a WireGuard key: 44 characters of base64';

/** What {@link checkNode} could make of the node's keys; complete where no problem was added. */
export interface CheckedNode {
  readonly identity: Identity | undefined;
  readonly addresses: readonly string[];
  readonly peers: readonly LoadedPeer[];
  /** Where a list of peers names ourselves. */
  readonly ownEntries: readonly string[];
}

export interface CheckNodeContext {
  readonly product: Pick<ProductFacts, 'name'>;
  readonly problems: ProblemList;
  readonly files: ConfigFiles;
}

/**
 * Checks what a schema cannot: keys, secret files, addresses, and what peers must not share. Looks at the file as written,
 * so that a fault of shape in one place hides none elsewhere.
 */
export async function checkNode(
  raw: Fields,
  peerLists: readonly PeerList[],
  context: CheckNodeContext,
): Promise<CheckedNode> {
  const { problems } = context;
  const privateKey = await secretKey(raw, [], 'privateKey', context);
  if (raw['privateKeyFile'] === undefined && raw['privateKey'] === undefined) {
    const suggestion = `create one with: ${context.product.name} genkey > private.key`;
    problems.add(['privateKeyFile'], 'a file with the private key', { found: 'nothing', suggestion });
  }
  const identity = privateKey === undefined ? undefined : createIdentity(privateKey);
  const name = raw['interface'];
  if (typeof name === 'string' && !isInterfaceName(name)) {
    problems.add(['interface'], INTERFACE_NAME_RULE, found(name, ['interface']));
  }
  const addresses = cidrsAt(raw['addresses'], ['addresses'], problems);
  const mtu = raw['mtu'];
  if (typeof mtu === 'number' && mtu < 1280 && addresses.some(({ cidr }) => cidr.family === 6)) {
    problems.warn(['mtu'], 'IPv6 needs an MTU of at least 1280 (RFC 8200)');
  }
  const own = new Set(addresses.map(({ cidr }) => parseCidr(cidr.ip)?.network));
  const { peers, ownEntries } = await checkPeers(peerLists, { identity, own }, context);
  return { identity, addresses: addresses.map(({ cidr }) => `${cidr.ip}/${cidr.prefix}`), peers, ownEntries };
}

async function checkPeers(
  lists: readonly PeerList[],
  { identity, own }: { identity: Identity | undefined; own: ReadonlySet<string | undefined> },
  context: CheckNodeContext,
): Promise<{ peers: LoadedPeer[]; ownEntries: string[] }> {
  const peers: LoadedPeer[] = [];
  const ownEntries: string[] = [];
  let ownEntry: Place | undefined;
  const names = new Map<string, Place>();
  const keys = new Map<string, Place>();
  const networks: PlacedNetwork[] = [];
  for (const { peer, place } of placedPeers(lists)) {
    const { path } = place;
    const { problems } = place.list;
    const { name, publicKey, endpoint } = peer;
    // One list may serve all machines; who we are on this one is no peer.
    if (typeof publicKey === 'string' && publicKey === identity?.publicKey) {
      ownEntries.push(`${problems.file} ${formatKeyPath(path)}`);
      ownEntry ??= place;
      continue;
    }
    if (typeof name === 'string') {
      if (!isPeerName(name)) problems.add([...path, 'name'], PEER_NAME_EXPECTED, found(name, path));
      duplicate(names, name, place, 'name', 'a name that no other peer has');
    }
    if (typeof publicKey === 'string') {
      if (!isKeyText(publicKey)) {
        // Neither is shown: a private key may have been put here by mistake.
        const what = describePastedKey(publicKey) ?? `text of ${publicKey.length} characters`;
        problems.add([...path, 'publicKey'], KEY_EXPECTED, { found: what });
      } else {
        if (isSmallOrder(parsePublicKey(publicKey))) {
          problems.add([...path, 'publicKey'], 'a usable public key', { found: 'a key of small order' });
        }
        duplicate(keys, publicKey, place, 'publicKey', 'a key that no other peer has');
      }
    }
    const allowed = cidrsAt(peer['allowedIps'], [...path, 'allowedIps'], problems);
    for (const { cidr, path: cidrPath } of allowed) {
      if (cidr.hasHostBits) problems.warn(cidrPath, `host bits are set; taken as ${cidr.network}, as wg does`);
      networks.push({ cidr, of: place, path: cidrPath });
    }
    const taken = allowed.find(({ cidr }) => own.has(cidr.network))?.cidr.network;
    if (taken !== undefined) problems.warn([...path, 'allowedIps'], `${taken} is an address of our own interface`);
    const presharedKey = await secretKey(peer, path, 'presharedKey', { ...context, problems });
    let parsed: EndpointSetting | undefined;
    if (typeof endpoint === 'string') {
      parsed = parseEndpoint(endpoint);
      if (parsed === undefined) {
        problems.add(
          [...path, 'endpoint'],
          'host:port, such as 192.0.2.9:51820, [2001:db8::9]:51820 or host.example:51820',
          found(endpoint, path),
        );
      }
    }
    const keepalive = peer['keepalive'];
    peers.push({
      name: String(name),
      publicKey: String(publicKey),
      ...(presharedKey === undefined ? {} : { presharedKey }),
      allowedIps: [...new Set(allowed.map(({ cidr }) => cidr.network))],
      keepaliveSeconds:
        typeof keepalive === 'number' ? keepalive : parsed === undefined ? DEFAULT_KEEPALIVE_SECONDS : 0,
      ...(parsed === undefined ? {} : { endpoint: parsed }),
    });
  }
  checkOverlaps(networks);
  // One list may serve all nodes, and so name this one; but not this one alone.
  if (peers.length === 0 && ownEntry !== undefined) {
    const { list, path } = ownEntry;
    list.problems.warn(
      [...path, 'publicKey'],
      'the key of this node itself, and there is no other peer: each node needs a private key of its own (genkey)',
    );
  }
  return { peers, ownEntries };
}

/** A key from `<name>File` or inline from `<name>`. */
async function secretKey(
  fields: Fields,
  path: Path,
  name: string,
  { problems, files }: CheckNodeContext,
): Promise<Uint8Array | undefined> {
  const file = fields[`${name}File`];
  const inline = fields[name];
  const filePath = [...path, `${name}File`];
  if (file !== undefined && inline !== undefined) {
    problems.add([...path, name], `either ${name}File or ${name}`, { found: 'both' });
  }
  if (typeof file === 'string' && file !== '') {
    try {
      const text = await files.readSecret(file);
      if (isKeyText(text)) return parsePrivateKey(text);
      problems.add(filePath, 'a file with a WireGuard key: 44 characters of base64', {
        found: `${text === '' ? 'nothing' : (describePastedKey(text) ?? 'another text')} in ${files.resolve(file)}`,
      });
    } catch (error) {
      addSecretProblem(problems, filePath, error);
    }
  } else if (typeof inline === 'string') {
    if (isKeyText(inline)) {
      problems.warn([...path, name], `a secret stands in the configuration; ${name}File keeps it apart`);
      return parsePrivateKey(inline);
    }
    problems.add([...path, name], KEY_EXPECTED, { found: describePastedKey(inline) ?? 'another text (not shown)' });
  }
  return undefined;
}

/** A secret that could not be read, as a problem of the key that names it. */
export function addSecretProblem(problems: ProblemList, path: Path, error: unknown, plugin?: string): void {
  if (!(error instanceof CodedError)) throw error;
  problems.add(path, 'a file that we can read and nobody else can change', {
    found: error.message,
    ...(error.rights === undefined ? {} : { suggestion: error.advice, rights: error.rights }),
    ...(plugin === undefined ? {} : { plugin }),
  });
}

function cidrsAt(value: unknown, path: Path, problems: ProblemList): { cidr: Cidr; path: Path }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((text: unknown, index) => {
    if (typeof text !== 'string') return [];
    const cidr = parseCidr(text);
    if (cidr !== undefined) return [{ cidr, path: [...path, index] }];
    problems.add([...path, index], 'a CIDR such as 10.77.0.2/32 or 2001:db8::/64', found(text, path));
    return [];
  });
}

function* placedPeers(lists: readonly PeerList[]): Generator<{ peer: Fields; place: Place }> {
  for (const list of lists) {
    if (!Array.isArray(list.value)) continue;
    for (const [index, item] of (list.value as unknown[]).entries()) {
      if (typeof item === 'object' && item !== null && !Array.isArray(item))
        yield { peer: item as Fields, place: { list, path: [...list.path, index] } };
    }
  }
}

function duplicate(seen: Map<string, Place>, value: string, place: Place, key: string, expected: string): void {
  const first = seen.get(value);
  if (first === undefined) seen.set(value, place);
  else place.list.problems.add([...place.path, key], expected, { found: `the same as ${seenFrom(place, first)}` });
}

const found = (value: string, path: Path) => ({ found: describeFound(value, path) });
