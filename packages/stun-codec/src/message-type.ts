/** STUN message class (RFC 8489, section 5); `success` and `error` are the two kinds of response. */
export type StunClass = 'request' | 'indication' | 'success' | 'error';

const classes: readonly StunClass[] = ['request', 'indication', 'success', 'error'];

const methods = {
  binding: 0x001,
  allocate: 0x003,
  refresh: 0x004,
  send: 0x006,
  data: 0x007,
  'create-permission': 0x008,
  'channel-bind': 0x009,
} as const;

/** The methods of RFC 8489 and RFC 8656 by name; any other one is its number, 0 to 0xfff. */
export type StunMethod = keyof typeof methods | number;

const methodNames = new Map<number, keyof typeof methods>(
  (Object.keys(methods) as (keyof typeof methods)[]).map((name) => [methods[name], name]),
);

/**
 * The 14-bit message type: class bits C1 and C0 lie between the method's bits (RFC 8489, figure 3).
 * @throws {RangeError} when the method is not a number of 12 bits.
 */
export function encodeMessageType(messageClass: StunClass, method: StunMethod): number {
  const m = typeof method === 'number' ? method : methods[method];
  if (!Number.isInteger(m) || m < 0 || m > 0xfff) throw new RangeError(`not a STUN method: ${String(method)}`);
  const c = classes.indexOf(messageClass);
  return (m & 0x00f) | ((m & 0x070) << 1) | ((m & 0xf80) << 2) | ((c & 1) << 4) | ((c & 2) << 7);
}

export function classOfMessageType(type: number): StunClass {
  return classes[((type & 0x010) >> 4) | ((type & 0x100) >> 7)] ?? 'request';
}

export function methodOfMessageType(type: number): StunMethod {
  const method = (type & 0x000f) | ((type & 0x00e0) >> 1) | ((type & 0x3e00) >> 2);
  return methodNames.get(method) ?? method;
}
