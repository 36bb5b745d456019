/** Builds messages without the codec under test, wrong ones too. */
export function rawAttribute(type: number, value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value);
  const attribute = Buffer.alloc(4 + ((bytes.length + 3) & ~3));
  attribute.writeUInt16BE(type, 0);
  attribute.writeUInt16BE(bytes.length, 2);
  bytes.copy(attribute, 4);
  return attribute;
}

export const rawTransactionId = Buffer.from('000102030405060708090a0b', 'hex');

export function rawMessage(type: number, ...attributes: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(attributes);
  const header = Buffer.alloc(8);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(body.length, 2);
  header.writeUInt32BE(0x2112a442, 4);
  return Buffer.concat([header, rawTransactionId, body]);
}
