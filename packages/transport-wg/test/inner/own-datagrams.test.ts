import { describe, expect, it } from 'vitest';
import { OwnDatagrams } from '../../src/inner/own-datagrams.js';

function udp4(source: number[], port: number, protocol = 17, headerWords = 5): Uint8Array {
  const packet = new Uint8Array(headerWords * 4 + 8);
  packet[0] = 0x40 | headerWords;
  packet[9] = protocol;
  packet.set(source, 12);
  packet.set([port >> 8, port & 255], headerWords * 4);
  return packet;
}

function udp6(lastByte: number, port: number): Uint8Array {
  const packet = new Uint8Array(48);
  packet[0] = 0x60;
  packet[6] = 17;
  packet.set([0xfd, 0x77], 8);
  packet[23] = lastByte;
  packet.set([port >> 8, port & 255], 40);
  return packet;
}

describe('our own datagrams among packets from the system', () => {
  const own = new OwnDatagrams(['10.77.0.1/24', 'fd77::1/64']);
  own.port = 51820;
  own.setMachineAddresses(['192.0.2.1', '192.0.2.2', 'fd77::5']);

  it.each<[string, Uint8Array, boolean]>([
    ['from our address and port', udp4([10, 77, 0, 1], 51820), true],
    ['with IP options', udp4([10, 77, 0, 1], 51820, 17, 7), true],
    ['over IPv6', udp6(1, 51820), true],
    ['from another address of this machine', udp4([192, 0, 2, 2], 51820), true],
    ['from another one over IPv6', udp6(5, 51820), true],
    ['from another port', udp4([10, 77, 0, 1], 51821), false],
    ['forwarded for another host', udp4([10, 77, 0, 9], 51820), false],
    ['forwarded over IPv6', udp6(9, 51820), false],
    ['over TCP', udp4([10, 77, 0, 1], 51820, 6), false],
    ['cut short', udp4([10, 77, 0, 1], 51820).subarray(0, 12), false],
    ['empty', new Uint8Array(0), false],
  ])('%s: %s', (_name, packet, included) => {
    expect(own.includes(packet, 0)).toBe(included);
  });

  it('are known by the addresses that this machine has now', () => {
    own.setMachineAddresses(['192.0.2.3']);
    expect(own.includes(udp4([192, 0, 2, 2], 51820), 0)).toBe(false);
    expect(own.includes(udp4([192, 0, 2, 3], 51820), 0)).toBe(true);
    expect(own.includes(udp4([10, 77, 0, 1], 51820), 0)).toBe(true);
  });
});
