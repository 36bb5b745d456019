import { createIdentity } from '../identity/create-identity.js';
import { isKeyText, parsePrivateKey, parsePublicKey } from '../identity/keys.js';
import type { ConfigFiles } from '../contracts/plugin.js';
import type { Identity } from '../contracts/identity.js';
import type { Product } from '../product/product.js';
import { CodedError } from '../errors/coded-error.js';
import { contains, parseCidr, type Cidr } from './cidr.js';
import { parseEndpoint } from './endpoint.js';
import { isInterfaceName } from './interface-name.js';
import type { EndpointSetting, LoadedPeer } from './loaded-config.js';
import type { ProblemList } from './problem-list.js';
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
}

export interface CheckNodeContext {
  readonly product: Product;
  readonly problems: ProblemList;
  readonly files: ConfigFiles;
}

/**
 * Checks what a schema cannot: keys, secret files, addresses, and what peers must not share. Looks at the file as written,
 * so that a fault of shape in one place hides none elsewhere.
 */
export async function checkNode(raw: Fields, context: CheckNodeContext): Promise<CheckedNode> {
  const { problems } = context;
  const privateKey = await secretKey(raw, [], 'privateKey', context);
  if (raw['privateKeyFile'] === undefined && raw['privateKey'] === undefined) {
    const suggestion = `create one with: ${context.product.name} genkey > private.key`;
    problems.add(['privateKeyFile'], 'a file with the private key', { found: 'nothing', suggestion });
  }
  const identity = privateKey === undefined ? undefined : createIdentity(privateKey);
  const name = raw['interface'];
  if (typeof name === 'string' && !isInterfaceName(name)) {
    problems.add(
      ['interface'],
      'an interface name: at most 15 bytes, no white space, /, : or %',
      found(name, ['interface']),
    );
  }
  const addresses = cidrsAt(raw['addresses'], ['addresses'], problems);
  const mtu = raw['mtu'];
  if (typeof mtu === 'number' && mtu < 1280 && addresses.some(({ cidr }) => cidr.family === 6)) {
    problems.warn(['mtu'], 'IPv6 needs an MTU of at least 1280 (RFC 8200)');
  }
  const peers = await checkPeers(raw, identity, context);
  const own = new Set(addresses.map(({ cidr }) => parseCidr(cidr.ip)?.network));
  for (const [index, peer] of peers.entries()) {
    const taken = peer.allowedIps.find((network) => own.has(network));
    if (taken !== undefined)
      problems.warn(['peers', index, 'allowedIps'], `${taken} is an address of our own interface`);
  }
  return { identity, addresses: addresses.map(({ cidr }) => `${cidr.ip}/${cidr.prefix}`), peers };
}

async function checkPeers(
  raw: Fields,
  identity: Identity | undefined,
  context: CheckNodeContext,
): Promise<LoadedPeer[]> {
  const { problems } = context;
  const peers: LoadedPeer[] = [];
  const names = new Map<string, number>();
  const keys = new Map<string, number>();
  const networks: { cidr: Cidr; index: number; path: Path }[] = [];
  for (const [index, peer] of entries(raw['peers'])) {
    const path = ['peers', index];
    const { name, publicKey, endpoint } = peer;
    if (typeof name === 'string') {
      if (!/^[^\s\p{C}]{1,64}$/u.test(name))
        problems.add([...path, 'name'], 'a name of 1 to 64 characters without white space', found(name, path));
      duplicate(names, name, index, [...path, 'name'], 'a name that no other peer has', problems);
    }
    if (typeof publicKey === 'string') {
      if (!isKeyText(publicKey)) {
        // Neither is shown: a private key may have been put here by mistake.
        problems.add([...path, 'publicKey'], KEY_EXPECTED, { found: `text of ${publicKey.length} characters` });
      } else if (publicKey === identity?.publicKey) {
        problems.add([...path, 'publicKey'], "another node's public key", { found: 'our own' });
      } else {
        if (identity?.agree(parsePublicKey(publicKey)) === undefined && identity !== undefined) {
          problems.add([...path, 'publicKey'], 'a usable public key', { found: 'a key of small order' });
        }
        duplicate(keys, publicKey, index, [...path, 'publicKey'], 'a key that no other peer has', problems);
      }
    }
    const allowed = cidrsAt(peer['allowedIps'], [...path, 'allowedIps'], problems);
    for (const { cidr, path: cidrPath } of allowed) {
      if (cidr.hasHostBits) problems.warn(cidrPath, `host bits are set; taken as ${cidr.network}, as wg does`);
      networks.push({ cidr, index, path: cidrPath });
    }
    const presharedKey = await secretKey(peer, path, 'presharedKey', context);
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
  checkOverlaps(networks, problems);
  return peers;
}

/** Of two peers with one network the later would silently win; a network within another is routed by its longer prefix. */
function checkOverlaps(networks: readonly { cidr: Cidr; index: number; path: Path }[], problems: ProblemList): void {
  for (const [position, { cidr, index, path }] of networks.entries()) {
    for (const other of networks.slice(0, position)) {
      if (other.index === index) continue;
      if (other.cidr.network === cidr.network) {
        problems.add(path, 'a network that no other peer has', {
          found: `${cidr.network}, also of peers[${other.index}]`,
        });
      } else {
        const [outer, inner] = cidr.prefix < other.cidr.prefix ? [cidr, other.cidr] : [other.cidr, cidr];
        if (outer.prefix > 0 && contains(outer, inner)) {
          problems.warn(path, `overlaps peers[${other.index}] (${other.cidr.network}): the longer prefix wins`);
        }
      }
    }
  }
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
        found: `another text in ${files.resolve(file)}`,
      });
    } catch (error) {
      addSecretProblem(problems, filePath, error);
    }
  } else if (typeof inline === 'string') {
    if (isKeyText(inline)) {
      problems.warn([...path, name], `a secret stands in the configuration; ${name}File keeps it apart`);
      return parsePrivateKey(inline);
    }
    problems.add([...path, name], KEY_EXPECTED, { found: 'another text (not shown)' });
  }
  return undefined;
}

/** A secret that could not be read, as a problem of the key that names it. */
export function addSecretProblem(problems: ProblemList, path: Path, error: unknown, plugin?: string): void {
  if (!(error instanceof CodedError)) throw error;
  problems.add(path, 'a file that we can read and nobody else can change', {
    found: error.message,
    ...(error.advice.startsWith('run: ') ? { suggestion: error.advice } : {}),
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

function* entries(value: unknown): Generator<[number, Fields]> {
  if (!Array.isArray(value)) return;
  for (const [index, item] of (value as unknown[]).entries()) {
    if (typeof item === 'object' && item !== null && !Array.isArray(item)) yield [index, item as Fields];
  }
}

function duplicate(
  seen: Map<string, number>,
  value: string,
  index: number,
  path: Path,
  expected: string,
  problems: ProblemList,
): void {
  const first = seen.get(value);
  if (first === undefined) seen.set(value, index);
  else problems.add(path, expected, { found: `the same as peers[${first}]` });
}

const found = (value: string, path: Path) => ({ found: describeFound(value, path) });
