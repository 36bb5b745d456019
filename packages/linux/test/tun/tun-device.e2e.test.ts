import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { constants } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { watchNetworkChanges } from '../../src/rtnetlink/network-changes.js';
import { linuxLibc } from '../../src/libc/libc.js';
import { PacketMemory } from '../../src/memory/packet-memory.js';
import { socketDescriptor } from '../../src/sockets/socket-descriptor.js';
import { BatchedTun, TUN_BYTES } from '../../src/tun/batched-tun.js';
import { socketAddress, type SocketAddress } from '../../src/udp/socket-address.js';
import { UDP_BATCHES_BYTES } from '../../src/udp/message-vectors.js';
import { UdpBatches } from '../../src/udp/udp-batches.js';
import { catchUncaught } from '../loop/catch-uncaught.js';

const canMakeDevices = process.platform === 'linux' && process.geteuid?.() === 0;
const name = `wl${process.pid % 100000}`;
const newMemory = () => new PacketMemory(TUN_BYTES + 4096);
const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'ignore' });

describe.skipIf(!canMakeDevices)('a device of our own (skipped without root)', () => {
  it('comes and goes, and netlink tells of it', async () => {
    const changes = new Set<() => void>();
    const change = () => new Promise<void>((resolve) => changes.add(resolve));
    const watch = watchNetworkChanges({
      onChange: () => {
        for (const resolve of changes) resolve();
        changes.clear();
      },
      onLost: (error) => expect.unreachable(error.message),
    });
    const made = change();
    const device = BatchedTun.open(name, newMemory());
    await made;
    expect(device.name).toBe(name);
    expect(() => BatchedTun.open(name, newMemory())).toThrow(expect.objectContaining({ call: 'ioctl', code: 'EBUSY' }));
    const gone = change();
    await device.close();
    await gone;
    watch[Symbol.dispose]();
  });

  it('hands over what the system routes to it, and says when it is deleted', async () => {
    const memory = newMemory();
    const device = BatchedTun.open(name, memory);
    const packets: number[] = [];
    let batches = 0;
    const lost = new Promise<string>((onLost) => {
      device.start({
        packet: (offset) => packets.push(memory.bytes[offset]! >> 4),
        batchEnd: () => (batches += 1),
        lost: onLost,
      });
    });
    ip('link', 'set', name, 'up');
    // Router solicitations and the like come by themselves.
    await expect.poll(() => packets.length, { timeout: 10_000 }).toBeGreaterThan(0);
    ip('link', 'delete', name);
    expect(await lost).toBe('the device is gone');
    expect(batches).toBeGreaterThan(0);
    expect(new Set(packets)).toEqual(new Set([6]));
    await device.close();
  });

  it('hands over all of a batch and ends it, whatever is thrown for one; that is reported once', async () => {
    const memory = new PacketMemory(TUN_BYTES + UDP_BATCHES_BYTES + 4096);
    const device = BatchedTun.open(name, memory);
    ip('address', 'add', '10.213.7.1/24', 'dev', name);
    ip('link', 'set', name, 'up');
    const plain = createSocket('udp4').bind(0, '10.213.7.1');
    await once(plain, 'listening');
    const socket = new UdpBatches(memory).adopt<SocketAddress>(socketDescriptor(plain) ?? -1, 4, plain.address().port);
    plain.close();
    const uncaught = catchUncaught();
    try {
      const seen: number[] = [];
      /** How many had been seen at the end of each batch. */
      const ended = new Set<number>();
      device.start({
        packet: (offset, sizeBytes) => {
          if (memory.bytes[offset] !== 0x45 || memory.bytes[offset + 9] !== 17) return;
          seen.push(memory.bytes[offset + sizeBytes - 1]!);
          throw new Error(`packet ${seen.length - 1}`);
        },
        batchEnd: () => void ended.add(seen.length),
        lost: (why) => expect.unreachable(why),
      });
      // Of one size to one destination: where there is USO, the kernel hands them over as one.
      const marks = Array.from({ length: 20 }, (_, i) => i);
      const at = memory.reserve(20 * 100);
      for (const i of marks) {
        memory.bytes.fill(i, at + i * 100, at + (i + 1) * 100);
        socket.send(at + i * 100, 100, socketAddress('10.213.7.2', 9));
      }
      socket.flush();
      await expect.poll(() => uncaught.messages.length).toBe(20);
      expect(seen).toEqual(marks);
      expect(uncaught.messages).toEqual(marks.map((i) => `packet ${i}`));
      // All of them had been waiting when the device was read.
      expect([...ended].filter((count) => count > 0)).toEqual([20]);
    } finally {
      uncaught.stop();
      await socket.close();
      await device.close();
    }
  });

  it.each([
    ['USO', (flags: number) => (flags & 0x60) !== 0, ['TSO'], ['USO: EINVAL']],
    ['all of it', () => true, [], ['USO: EINVAL', 'TSO: EINVAL']],
  ])('works where the kernel refuses offloads (TUNSETOFFLOAD): %s', async (_what, isRefused, used, givenUp) => {
    const libc = linuxLibc();
    const { ioctl, errno } = libc;
    let refused = false;
    vi.spyOn(libc, 'ioctl').mockImplementation((fd, request, argument) => {
      refused = request === 0x400454d0 && isRefused(argument);
      return refused ? -1 : ioctl(fd, request, argument);
    });
    vi.spyOn(libc, 'errno').mockImplementation(() => (refused ? constants.errno.EINVAL : errno()));
    const memory = newMemory();
    const device = BatchedTun.open(name, memory);
    vi.restoreAllMocks();
    try {
      expect(device.offloads).toEqual({ used, givenUp });
      const packets: number[] = [];
      device.start({
        packet: (offset) => packets.push(memory.bytes[offset]! >> 4),
        batchEnd: () => undefined,
        lost: () => undefined,
      });
      ip('link', 'set', name, 'up');
      await expect.poll(() => packets.length, { timeout: 10_000 }).toBeGreaterThan(0);
      expect(new Set(packets)).toEqual(new Set([6]));
    } finally {
      await device.close();
    }
  });

  it('hands packets to the system', async () => {
    const memory = newMemory();
    const device = BatchedTun.open(name, memory);
    ip('address', 'add', '10.213.7.1/24', 'dev', name);
    ip('link', 'set', name, 'up');
    const socket = createSocket('udp4').bind(0, '10.213.7.1');
    await once(socket, 'listening');
    const heard = once(socket, 'message');
    const packet = udpPacket([10, 213, 7, 2], [10, 213, 7, 1], socket.address().port, 'hello');
    const at = memory.reserve(packet.length);
    memory.bytes.set(packet, at);
    device.write(at, packet.length);
    device.flush();
    expect(String((await heard)[0])).toBe('hello');
    expect(device.writeDrops).toEqual({ full: 0, down: 0, refused: 0 });
    socket.close();
    await device.close();
  });

  it.each(['', 'a-name-of-sixteen'])('cannot have the name "%s"', (unfit) => {
    expect(() => BatchedTun.open(unfit, newMemory())).toThrow(RangeError);
  });
});

/** IPv4 and UDP, the latter without a checksum. */
function udpPacket(from: number[], to: number[], port: number, text: string): Uint8Array {
  const packet = Buffer.alloc(28 + text.length);
  packet.set([0x45, 0, 0, packet.length, 0, 0, 0, 0, 64, 17, 0, 0, ...from, ...to]);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += packet.readUInt16BE(at);
  packet.writeUInt16BE(~((sum & 0xffff) + (sum >> 16)) & 0xffff, 10);
  packet.writeUInt16BE(4000, 20);
  packet.writeUInt16BE(port, 22);
  packet.writeUInt16BE(8 + text.length, 24);
  packet.write(text, 28);
  return packet;
}
