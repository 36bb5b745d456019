import { createRequire } from 'node:module';
import { MAGIC_COOKIE } from './header.js';

/** What npm `stun` wants for one attribute: text or bytes, a number, a list of numbers, IP and port, code and reason. */
export type StunPackageArguments =
  | readonly [string | Buffer | number | readonly number[]]
  | readonly [ip: string, port: number]
  | readonly [code: number, reason: string];

export interface EncodedAttribute {
  readonly type: number;
  readonly value: Buffer;
}

interface PackageAttribute {
  setOwner(message: { transactionId: Buffer }): void;
  toBuffer(): Buffer;
}

/** The two modules of npm `stun` 2.1.0 that we use, and their symbols (the misspelling of one aside, which we don't need). */
interface StunPackage {
  readonly attributes: {
    create(type: number, ...args: StunPackageArguments): PackageAttribute;
    getValueType(type: number): number;
  };
  readonly encode: (message: Record<string | symbol, unknown>) => Buffer;
}

const kCookie = Symbol.for('kCookie');
const kAttributes = Symbol.for('kAttributes');
/** What `getValueType` says of an attribute type that the package does not list. */
const UNLISTED = 0;

let loaded: StunPackage | undefined;

/**
 * Loads npm `stun` on the first message that is encoded: its main module drags in a command line parser and costs some
 * 70 ms, these two modules alone about half.
 */
function stunPackage(): StunPackage {
  if (loaded) return loaded;
  const require = createRequire(import.meta.url);
  return (loaded = {
    attributes: require('stun/src/node_modules/lib/attributes') as StunPackage['attributes'],
    encode: require('stun/src/node_modules/message/encode') as StunPackage['encode'],
  });
}

/** Encodes the value of one attribute; a type that the package refuses (RFC 8656's 0x17, ours) must come as bytes. */
export function encodeAttribute(type: number, args: StunPackageArguments, transactionId: Buffer): EncodedAttribute {
  const { attributes } = stunPackage();
  const [first] = args;
  // Bytes are final: RESPONSE-PORT, which the package would write too short, comes this way too.
  if (Buffer.isBuffer(first) || attributes.getValueType(type) === UNLISTED) return { type, value: first as Buffer };
  const attribute = attributes.create(type, ...args);
  attribute.setOwner({ transactionId });
  return { type, value: attribute.toBuffer() };
}

/**
 * Puts header and attributes together. Goes past the package's `addAttribute`, which throws on types that it does not list
 * and silently drops the second attribute of a type.
 */
export function packMessage(type: number, transactionId: Buffer, attributes: readonly EncodedAttribute[]): Buffer {
  return stunPackage().encode({
    type,
    transactionId,
    [kCookie]: MAGIC_COOKIE,
    [kAttributes]: attributes.map(({ type, value }) => ({ type, toBuffer: () => value })),
  });
}
