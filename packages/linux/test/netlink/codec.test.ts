import { describe, expect, it } from 'vitest';
import { failureIn } from '../../src/netlink/answer.js';
import { attribute, AttributeMap, concat, decodeAttributes } from '../../src/netlink/attributes.js';
import { decodeMessages, encodeMessage, NLM_F, NLMSG } from '../../src/netlink/message.js';

describe('netlink messages', () => {
  const one = encodeMessage({ type: 16, flags: 5, sequence: 7, payload: Uint8Array.of(1, 2, 3, 4, 5) });
  const two = encodeMessage({ type: 17, flags: 0, sequence: 0xffffffff, portId: 9, payload: new Uint8Array(0) });

  it('are read as they were written, several in one datagram', () => {
    expect(one).toHaveLength(24);
    expect(decodeMessages(concat([one, two]))).toEqual([
      { type: 16, flags: 5, sequence: 7, portId: 0, payload: Uint8Array.of(1, 2, 3, 4, 5) },
      { type: 17, flags: 0, sequence: 0xffffffff, portId: 9, payload: new Uint8Array(0) },
    ]);
  });

  it.each([
    ['cut short', one.subarray(0, 20)],
    ['shorter than its header', new Uint8Array(16)],
    ['nothing', new Uint8Array(0)],
    ['longer than what is there', concat([one.subarray(0, 16)])],
  ])('are left out where the datagram is wrong: %s', (_what, bytes) => {
    expect(decodeMessages(bytes)).toEqual([]);
  });
});

describe('attributes', () => {
  const bytes = concat([
    attribute.u8(1, 7),
    attribute.u16(2, 0x1234),
    attribute.u32(3, 0xfffffffe),
    attribute.u64(4, 5n),
    attribute.be32(5, 0x01020304),
    attribute.be64(6, 2n ** 40n),
    attribute.string(7, 'wp0'),
    attribute.nested(8, [attribute.u8(1, 1), attribute.u8(1, 2)]),
    attribute.flag(9),
    attribute.be16(10, 0x0102),
  ]);

  it('are read as they were written', () => {
    const map = new AttributeMap(bytes);
    expect([map.u8(1), map.u16(2), map.u32(3), map.be32(5), map.be64(6), map.string(7)]).toEqual([
      7,
      0x1234,
      0xfffffffe,
      0x01020304,
      2n ** 40n,
      'wp0',
    ]);
    expect(decodeAttributes(map.bytes(8)!).map(({ value }) => value[0])).toEqual([1, 2]);
    expect(map.nested(8)?.u8(1)).toBe(2);
    expect([map.has(9), map.has(11)]).toEqual([true, false]);
    expect([...map.bytes(10)!]).toEqual([1, 2]);
    expect(map.u32(1)).toBeUndefined();
  });

  it('never read beyond the end', () => {
    for (let end = 0; end < bytes.length; end++) {
      for (const { value } of decodeAttributes(bytes.subarray(0, end))) expect(value.length).toBeLessThanOrEqual(end);
    }
  });
});

describe('answers', () => {
  const header = encodeMessage({ type: 24, flags: 5, sequence: 3, payload: Uint8Array.of(1, 2, 3, 4) });
  const errno = (value: number) => new Uint8Array(new Int32Array([value]).buffer);
  const answer = (flags: number, payload: Uint8Array) =>
    failureIn({ type: NLMSG.ERROR, flags, sequence: 3, portId: 1, payload });

  it('say that all went well', () => {
    expect(answer(0, concat([errno(0), header]))).toBeUndefined();
  });

  it.each([
    ['the request repeated', NLM_F.ACK_TLVS, header],
    ['its header only', NLM_F.ACK_TLVS | NLM_F.CAPPED, header.subarray(0, 16)],
  ])('give the kernel’s own words: %s', (_what, flags, repeated) => {
    const payload = concat([errno(-22), repeated, attribute.string(1, 'Invalid prefix for given prefix length')]);
    expect(answer(flags, payload)).toEqual({
      errno: 22,
      code: 'EINVAL',
      reason: 'Invalid prefix for given prefix length',
    });
  });

  it('give those of the errno where the kernel has none', () => {
    expect(answer(NLM_F.CAPPED, concat([errno(-17), header.subarray(0, 16)]))).toMatchObject({ reason: 'exists' });
    expect(answer(NLM_F.ACK_TLVS, errno(-1))).toMatchObject({ code: 'EPERM' });
    expect(answer(0, new Uint8Array(2))).toMatchObject({ reason: expect.stringContaining('without an error number') });
  });
});
