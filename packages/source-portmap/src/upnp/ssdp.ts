import { transportAddress, type TransportAddress } from '@wirepath/core/plugin';

/** UPnP Device Architecture 2.0, section 1: where devices listen for searches. */
export const SSDP_PORT = 1900;
export const SSDP_GROUP = '239.255.255.250';
const MAX_BYTES = 2048;
const MAX_URL_LENGTH = 512;
/** IGD 1 answers for itself alone, IGD 2 for both: so version 1 is asked for, too. */
const SEARCH_TARGETS = [2, 1].map((version) => `urn:schemas-upnp-org:device:InternetGatewayDevice:${version}`);

/** Searches (M-SEARCH), one for each version of the device. @param to the gateway, or the group. */
export function searches(to: TransportAddress): Uint8Array[] {
  return SEARCH_TARGETS.map((target) =>
    new TextEncoder().encode(
      [
        'M-SEARCH * HTTP/1.1',
        `HOST: ${to.ip}:${to.port}`,
        'MAN: "ssdp:discover"',
        'MX: 1',
        `ST: ${target}`,
        '',
        '',
      ].join('\r\n'),
    ),
  );
}

/** The gateway itself, and the group: some gateways answer the one, some the other. Only the gateway's answers are read. */
export function searchedAddresses(gatewayIp: string): TransportAddress[] {
  return [transportAddress(gatewayIp, SSDP_PORT), transportAddress(SSDP_GROUP, SSDP_PORT)];
}

/** Whether it is an answer to a search at all, good or not. */
export function isSearchResponse(bytes: Uint8Array): boolean {
  return new TextDecoder('latin1').decode(bytes.subarray(0, 9)).startsWith('HTTP/1.');
}

/** The LOCATION of an answer from a gateway. @returns undefined for what is none, or leads elsewhere than to the gateway. */
export function locationOf(bytes: Uint8Array, gatewayIp: string): URL | undefined {
  if (bytes.length > MAX_BYTES) return undefined;
  const [status = '', ...headers] = new TextDecoder('latin1').decode(bytes).split('\r\n');
  if (!/^HTTP\/1\.[01] 200 /.test(`${status} `)) return undefined;
  const target =
    headers
      .find((line) => /^st:/i.test(line))
      ?.slice(3)
      .trim() ?? '';
  if (!SEARCH_TARGETS.includes(target)) return undefined;
  const location = headers
    .find((line) => /^location:/i.test(line))
    ?.slice(9)
    .trim();
  return location === undefined ? undefined : urlAtGateway(location, gatewayIp);
}

/**
 * A URL that a gateway names, where it leads to that gateway: by HTTP, to its very address, at a port of its choice, without
 * a user and without anything that would end a request line. @param base of a relative one.
 */
export function urlAtGateway(text: string, gatewayIp: string, base?: URL): URL | undefined {
  if (text.length > MAX_URL_LENGTH || !/^[\x21-\x7e]+$/.test(text) || !URL.canParse(text, base?.href)) return undefined;
  const url = new URL(text, base?.href);
  const isThere = url.protocol === 'http:' && url.hostname === gatewayIp && url.username === '' && url.password === '';
  return isThere && url.port !== '0' ? url : undefined;
}
