import type { TransportAddress } from './address.js';
import { addressFromIpBytes, ipToBytes } from './ip-bytes.js';
import { MAGIC_COOKIE } from './header.js';

const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;
const DOT = 0x2e;
const ZERO = 0x30;

/** Reads the value of MAPPED-ADDRESS and its kin (RFC 8489, section 14.1): zero, family, port, address. */
export function decodeAddressValue(value: Buffer): TransportAddress | undefined {
  if (value.length < 4 || value.length !== lengthOfFamily(value[1])) return undefined;
  return addressFromIpBytes(value.subarray(4), value.readUInt16BE(2));
}

/** Reads the value of XOR-MAPPED-ADDRESS and its kin (RFC 8489, section 14.2). */
export function decodeXorAddressValue(value: Buffer, transactionId: Buffer): TransportAddress | undefined {
  if (value.length < 4 || value.length !== lengthOfFamily(value[1])) return undefined;
  return addressFromIpBytes(xorIp(value.subarray(4), transactionId), value.readUInt16BE(2) ^ (MAGIC_COOKIE >>> 16));
}

/** Bytes of the value of MAPPED-ADDRESS and its kin. */
export function addressValueLength({ family }: TransportAddress): number {
  return family === 4 ? 8 : 20;
}

/** Writes the value of MAPPED-ADDRESS and its kin where there is room for it, nothing else being made. */
export function writeAddressValue(target: Buffer, at: number, address: TransportAddress): void {
  const { family, ip, port } = address;
  target[at] = 0;
  target[at + 1] = family === 4 ? FAMILY_IPV4 : FAMILY_IPV6;
  target.writeUInt16BE(port, at + 2);
  if (family === 6) return void target.set(ipToBytes(address), at + 4);
  let byte = 0;
  let index = at + 4;
  for (let i = 0; i < ip.length; i++) {
    const code = ip.charCodeAt(i);
    if (code !== DOT) {
      byte = byte * 10 + code - ZERO;
      continue;
    }
    target[index++] = byte;
    byte = 0;
  }
  target[index] = byte;
}

/** The value of XOR-PEER-ADDRESS, for the per-packet path alone: control messages leave it to npm `stun`. */
export function encodeXorAddressValue(address: TransportAddress, transactionId: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header[1] = address.family === 4 ? FAMILY_IPV4 : FAMILY_IPV6;
  header.writeUInt16BE(address.port ^ (MAGIC_COOKIE >>> 16), 2);
  return Buffer.concat([header, xorIp(ipToBytes(address), transactionId)]);
}

function lengthOfFamily(family: number | undefined): number | undefined {
  return family === FAMILY_IPV4 ? 8 : family === FAMILY_IPV6 ? 20 : undefined;
}

/** XORs with the magic cookie, and past it (IPv6) with the transaction id. */
function xorIp(ip: Buffer, transactionId: Uint8Array): Buffer {
  const out = Buffer.from(ip);
  out.writeUInt32BE((out.readUInt32BE(0) ^ MAGIC_COOKIE) >>> 0, 0);
  for (let i = 4; i < out.length; i++) out[i] = (out[i] ?? 0) ^ (transactionId[i - 4] ?? 0);
  return out;
}
