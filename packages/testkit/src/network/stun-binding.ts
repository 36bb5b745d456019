import { transportAddress, type TransportAddress } from '@wirepath/core';
import { isIPv4 } from 'node:net';

/** STUN Binding (RFC 8489) in the little that a virtual server and its clients need: no authentication, no fingerprint. */

const COOKIE = 0x2112a442;
const HEADER_BYTES = 20;
const REQUEST = 0x0001;
const SUCCESS = 0x0101;
const CHANGE_REQUEST = 0x0003;
const RESPONSE_PORT = 0x0027;
const XOR_MAPPED_ADDRESS = 0x0020;
const RESPONSE_ORIGIN = 0x802b;
const OTHER_ADDRESS = 0x802c;

export interface BindingRequest {
  /** 24 hex digits. */
  readonly transactionId: string;
  /** RFC 5780: answer from the other IP, or port. */
  readonly changeIp: boolean;
  readonly changePort: boolean;
  /** RFC 5780: answer to this port. */
  readonly responsePort: number | undefined;
}

export interface BindingResponse {
  readonly transactionId: string;
  readonly mappedAddress: TransportAddress;
  readonly otherAddress?: TransportAddress;
  readonly responseOrigin?: TransportAddress;
}

export function encodeBindingRequest(transactionId: Uint8Array): Uint8Array {
  return encode(REQUEST, Buffer.from(transactionId), []);
}

/** @returns undefined for anything else. */
export function decodeBindingRequest(bytes: Uint8Array): BindingRequest | undefined {
  const message = decode(bytes, REQUEST);
  if (message === undefined) return undefined;
  const change = message.attributes.get(CHANGE_REQUEST);
  const flags = change?.length === 4 ? change.readUInt32BE() : 0;
  return {
    transactionId: message.transactionId,
    changeIp: (flags & 4) !== 0,
    changePort: (flags & 2) !== 0,
    responsePort: message.attributes.get(RESPONSE_PORT)?.readUInt16BE(),
  };
}

export function encodeBindingResponse(response: BindingResponse): Uint8Array {
  const id = Buffer.from(response.transactionId, 'hex');
  const attributes: [number, Buffer][] = [[XOR_MAPPED_ADDRESS, addressValue(response.mappedAddress, id)]];
  if (response.responseOrigin) attributes.push([RESPONSE_ORIGIN, addressValue(response.responseOrigin)]);
  if (response.otherAddress) attributes.push([OTHER_ADDRESS, addressValue(response.otherAddress)]);
  return encode(SUCCESS, id, attributes);
}

/** @returns undefined for anything else. */
export function decodeBindingResponse(bytes: Uint8Array): BindingResponse | undefined {
  const message = decode(bytes, SUCCESS);
  const value = message?.attributes.get(XOR_MAPPED_ADDRESS);
  if (message === undefined || value === undefined) return undefined;
  const mappedAddress = addressFrom(xored(value, Buffer.from(message.transactionId, 'hex')));
  return mappedAddress && { transactionId: message.transactionId, mappedAddress };
}

function encode(type: number, id: Buffer, attributes: readonly (readonly [number, Buffer])[]): Uint8Array {
  const body = attributes.map(([attribute, value]) => {
    const header = Buffer.alloc(4);
    header.writeUInt16BE(attribute, 0);
    header.writeUInt16BE(value.length, 2);
    return Buffer.concat([header, value]);
  });
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(
    body.reduce((sum, { length }) => sum + length, 0),
    2,
  );
  header.writeUInt32BE(COOKIE, 4);
  id.copy(header, 8);
  return Buffer.concat([header, ...body]);
}

function decode(input: Uint8Array, type: number) {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  if (bytes.length < HEADER_BYTES || bytes.readUInt16BE(0) !== type || bytes.readUInt32BE(4) !== COOKIE)
    return undefined;
  if (bytes.readUInt16BE(2) !== bytes.length - HEADER_BYTES) return undefined;
  const attributes = new Map<number, Buffer>();
  for (let at = HEADER_BYTES; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16BE(at + 2);
    if (at + 4 + length > bytes.length) return undefined;
    attributes.set(bytes.readUInt16BE(at), bytes.subarray(at + 4, at + 4 + length));
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return { transactionId: bytes.toString('hex', 8, HEADER_BYTES), attributes };
}

/** @param xorWith the transaction id, for the XOR- kinds (RFC 8489 14.2). */
function addressValue({ family, ip, port }: TransportAddress, xorWith?: Buffer): Buffer {
  const plain = Buffer.concat([Buffer.from([0, family === 4 ? 1 : 2, port >> 8, port & 255]), ipBytes(ip)]);
  return xorWith === undefined ? plain : xored(plain, xorWith);
}

function xored(value: Buffer, transactionId: Buffer): Buffer {
  const mask = Buffer.concat([Buffer.from([0, 0, 0x21, 0x12, 0x21, 0x12, 0xa4, 0x42]), transactionId]);
  return Buffer.from(value.map((byte, index) => byte ^ (mask[index] ?? 0)));
}

function addressFrom(value: Buffer): TransportAddress | undefined {
  const isIpv4 = value.length === 8 && value[1] === 1;
  if (!isIpv4 && !(value.length === 20 && value[1] === 2)) return undefined;
  const ip = value.subarray(4);
  const groups = Array.from({ length: 8 }, (_, index) => (isIpv4 ? '' : ip.readUInt16BE(2 * index).toString(16)));
  return transportAddress(isIpv4 ? ip.join('.') : groups.join(':'), value.readUInt16BE(2));
}

function ipBytes(ip: string): Buffer {
  if (isIPv4(ip)) return Buffer.from(ip.split('.').map(Number));
  const [head = '', tail] = ip.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => parseInt(group, 16)));
  const [front, back] = [groups(head), groups(tail ?? '')];
  const all =
    tail === undefined ? front : [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]));
}
