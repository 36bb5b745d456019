import type { TransportAddress } from './address.js';
import { addressFromIpBytes, ipToBytes } from './ip-bytes.js';
import { MAGIC_COOKIE } from './header.js';

const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;

/** Reads the value of MAPPED-ADDRESS and its kin (RFC 8489, section 14.1): zero, family, port, address. */
export function decodeAddressValue(value: Buffer): TransportAddress | undefined {
  if (value.length < 4 || value.length !== addressValueLength(value[1])) return undefined;
  return addressFromIpBytes(value.subarray(4), value.readUInt16BE(2));
}

/** Reads the value of XOR-MAPPED-ADDRESS and its kin (RFC 8489, section 14.2). */
export function decodeXorAddressValue(value: Buffer, transactionId: Buffer): TransportAddress | undefined {
  if (value.length < 4 || value.length !== addressValueLength(value[1])) return undefined;
  return addressFromIpBytes(xorIp(value.subarray(4), transactionId), value.readUInt16BE(2) ^ (MAGIC_COOKIE >>> 16));
}

/** The value of RESPONSE-ORIGIN and its kin, by hand where it is made for anybody who asks. */
export function encodeAddressValue(address: TransportAddress): Buffer {
  const header = Buffer.alloc(4);
  header[1] = address.family === 4 ? FAMILY_IPV4 : FAMILY_IPV6;
  header.writeUInt16BE(address.port, 2);
  return Buffer.concat([header, ipToBytes(address)]);
}

/**
 * The value of XOR-PEER-ADDRESS and XOR-MAPPED-ADDRESS, for what is made per packet or for anybody: other messages leave it
 * to npm `stun`.
 */
export function encodeXorAddressValue(address: TransportAddress, transactionId: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header[1] = address.family === 4 ? FAMILY_IPV4 : FAMILY_IPV6;
  header.writeUInt16BE(address.port ^ (MAGIC_COOKIE >>> 16), 2);
  return Buffer.concat([header, xorIp(ipToBytes(address), transactionId)]);
}

function addressValueLength(family: number | undefined): number | undefined {
  return family === FAMILY_IPV4 ? 8 : family === FAMILY_IPV6 ? 20 : undefined;
}

/** XORs with the magic cookie, and past it (IPv6) with the transaction id. */
function xorIp(ip: Buffer, transactionId: Uint8Array): Buffer {
  const out = Buffer.from(ip);
  out.writeUInt32BE((out.readUInt32BE(0) ^ MAGIC_COOKIE) >>> 0, 0);
  for (let i = 4; i < out.length; i++) out[i] = (out[i] ?? 0) ^ (transactionId[i - 4] ?? 0);
  return out;
}
