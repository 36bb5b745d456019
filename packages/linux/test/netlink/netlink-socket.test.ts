import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { LinuxLibc } from '../../src/libc/libc.js';
import { concat } from '../../src/netlink/attributes.js';
import { decodeMessages, encodeMessage, NLM_F, NLMSG, type NetlinkMessage } from '../../src/netlink/message.js';
import { NetlinkSocket } from '../../src/netlink/netlink-socket.js';

const { EAGAIN, ENOBUFS, EPERM } = constants.errno;

/** Answers each datagram that is sent with the datagrams, or errnos of recv(2), that `respond` gives. */
function socketWith(respond: (requests: NetlinkMessage[]) => (Uint8Array | number)[]) {
  const waiting: (Uint8Array | number)[] = [];
  const arena = { address: 4096, bytes: new Uint8Array(1 << 18), view: new DataView(new ArrayBuffer(8)) };
  let errno = 0;
  let closed = 0;
  const libc = {
    socket: () => 5,
    bind: () => 0,
    setsockopt: () => 0,
    close: () => closed++,
    arena: () => arena,
    errno: () => errno,
    write: (_fd: number, _address: number, sizeBytes: number) => {
      waiting.push(...respond(decodeMessages(arena.bytes.slice(0, sizeBytes))));
      return sizeBytes;
    },
    recv: () => {
      const next = waiting.shift() ?? EAGAIN;
      if (typeof next === 'number') {
        errno = next;
        return -1;
      }
      arena.bytes.set(next);
      return next.length;
    },
  } as unknown as LinuxLibc;
  return { socket: NetlinkSocket.open(0, libc), timesClosed: () => closed };
}

const errno = (value: number) => new Uint8Array(new Int32Array([-value]).buffer);
const answer = ({ sequence }: NetlinkMessage, code: number) =>
  encodeMessage({
    type: NLMSG.ERROR,
    flags: NLM_F.CAPPED,
    sequence,
    payload: concat([errno(code), new Uint8Array(16)]),
  });
const listed = ({ sequence }: NetlinkMessage, flags = 0) =>
  encodeMessage({ type: 24, flags: NLM_F.MULTI | flags, sequence, payload: Uint8Array.of(1, 2, 3, 4) });
const done = ({ sequence }: NetlinkMessage) =>
  encodeMessage({ type: NLMSG.DONE, flags: NLM_F.MULTI, sequence, payload: errno(0) });
const request = { type: 24, payload: new Uint8Array(4) };

describe('requests by netlink', () => {
  it('are told one by one what became of them', () => {
    const { socket } = socketWith((requests) => [
      concat([answer(requests[0]!, 0), answer(requests[1]!, EPERM)]),
      answer(requests[2]!, 0),
    ]);
    const outcomes = socket.exchange([request, request, request, { ...request, acknowledged: false }]);
    expect(outcomes).toEqual(['done', expect.objectContaining({ code: 'EPERM' }), 'done', 'unanswered']);
  });

  it('ask for an acknowledgement unless told not to', () => {
    const flags: number[] = [];
    const { socket } = socketWith((requests) => {
      flags.push(...requests.map((one) => one.flags));
      return [];
    });
    socket.exchange([
      { ...request, flags: NLM_F.CREATE },
      { ...request, acknowledged: false },
    ]);
    expect(flags).toEqual([NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE, NLM_F.REQUEST]);
  });

  it('leave answers to earlier ones alone', () => {
    let last: NetlinkMessage | undefined;
    const { socket } = socketWith((requests) => {
      const answers = last === undefined ? [] : [answer(last, EPERM), answer(requests[0]!, 0)];
      last = requests[0];
      return answers;
    });
    expect(socket.exchange([request])).toEqual(['unanswered']);
    expect(socket.exchange([request])).toEqual(['done']);
  });
});

describe('a dump by netlink', () => {
  it('is whole', () => {
    const { socket } = socketWith(([one]) => [
      concat([listed(one!), listed(one!)]),
      concat([listed(one!), done(one!)]),
    ]);
    const { messages, interrupted } = socket.dump(request);
    expect(messages).toHaveLength(3);
    expect(interrupted).toBe(false);
  });

  it.each([
    ['a change meanwhile', ([one]: NetlinkMessage[]) => [listed(one!, NLM_F.DUMP_INTR), done(one!)]],
    ['a lost part', ([one]: NetlinkMessage[]) => [listed(one!), ENOBUFS, done(one!)]],
    ['no end', ([one]: NetlinkMessage[]) => [listed(one!)]],
  ])('is known as interrupted by %s', (_what, respond) => {
    expect(socketWith(respond).socket.dump(request).interrupted).toBe(true);
  });

  it('is refused with the reason', () => {
    const { socket } = socketWith(([one]) => [answer(one!, EPERM)]);
    expect(() => socket.dump(request)).toThrow('the kernel does not list: operation not permitted');
  });

  it('is not made when closed, and closing twice closes once', () => {
    const { socket, timesClosed } = socketWith(() => []);
    socket[Symbol.dispose]();
    socket[Symbol.dispose]();
    expect(timesClosed()).toBe(1);
    expect(() => socket.dump(request)).toThrow('closed');
  });
});

describe.skipIf(process.platform !== 'linux')('this kernel', () => {
  it('lists its links, and says in words why it does not make a route', () => {
    using socket = NetlinkSocket.open(0);
    const RTM_GETLINK = 18;
    const { messages } = socket.dump({ type: RTM_GETLINK, payload: new Uint8Array(16) });
    expect(messages.length).toBeGreaterThan(0);
    expect(socket.exchange([{ type: 16, payload: new Uint8Array(16) }])).toEqual([
      expect.objectContaining({ code: expect.stringMatching(/^E/) }),
    ]);
  });
});
