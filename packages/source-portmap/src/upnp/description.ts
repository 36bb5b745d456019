import type { UpnpService } from '../protocol/inquiry.js';
import { urlAtGateway } from './ssdp.js';
import { childText, descendants, readXml } from './xml.js';

/** Those that map ports (UPnP IGD 1 and 2), the better first. */
const SERVICE_TYPES = [
  'urn:schemas-upnp-org:service:WANIPConnection:2',
  'urn:schemas-upnp-org:service:WANIPConnection:1',
  'urn:schemas-upnp-org:service:WANPPPConnection:1',
] as const;
/** Of the connections of one gateway: one is up as a rule. */
const MAX_SERVICES = 4;

/**
 * The services of a device description that map ports and are controlled at the gateway itself.
 * @returns why there are none.
 */
export function servicesOf(body: string, location: URL, gatewayIp: string): readonly UpnpService[] | string {
  const root = readXml(body);
  if (typeof root === 'string') return `its description is not read: ${root}`;
  const base = urlAtGateway(childText(root, 'URLBase'), gatewayIp) ?? location;
  const found = descendants(root, 'service').flatMap((service): UpnpService[] => {
    const serviceType = SERVICE_TYPES.find((type) => type === childText(service, 'serviceType'));
    const url = urlAtGateway(childText(service, 'controlURL'), gatewayIp, base);
    return serviceType === undefined || url === undefined ? [] : [{ controlUrl: url.href, serviceType }];
  });
  if (found.length === 0) return 'its description names no service that maps ports at its own address';
  const rank = ({ serviceType }: UpnpService) => SERVICE_TYPES.findIndex((type) => type === serviceType);
  return found.sort((a, b) => rank(a) - rank(b)).slice(0, MAX_SERVICES);
}
