import { parseTransportAddress, type TransportAddress } from '@wirepath/stun-codec';

/** @throws {RangeError} for what the schema would have refused. */
export function listenAddress(text: string): TransportAddress {
  const address = parseTransportAddress(text);
  if (address === undefined) throw new RangeError(`not IP:PORT: ${JSON.stringify(text)}`);
  return address;
}
