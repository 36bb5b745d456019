import { createSocket, type RemoteInfo } from 'node:dgram';
import { transportAddress, type TransportAddress } from '@wirepath/core/plugin';

/** A peer on loopback: keeps what it gets, and can send. */
export interface EchoPeer {
  readonly address: TransportAddress;
  readonly received: { readonly text: string; readonly from: RemoteInfo }[];
  send(bytes: Uint8Array | string, to: TransportAddress): void;
  close(): Promise<void>;
}

export async function echoPeer(ip = '127.0.0.1'): Promise<EchoPeer> {
  const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4');
  await new Promise<void>((resolve) => socket.bind(0, ip, resolve));
  const received: EchoPeer['received'] = [];
  socket.on('message', (bytes, from) => received.push({ text: bytes.toString(), from }));
  const { address, port } = socket.address();
  return {
    address: transportAddress(address, port),
    received,
    send: (bytes, to) => socket.send(bytes, to.port, to.ip),
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
