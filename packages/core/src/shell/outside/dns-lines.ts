import type { Socket as DatagramSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import type { TransportAddress } from '@wirepath/stun-codec';
import type { Guard } from '../../base/guard/guard.js';
import type { OpenDnsLine, DnsLine, DnsLineEvents } from './ask-question.js';
import { systemReason } from './system-reason.js';

/** Opens the sockets; neither is connected yet. */
export interface OutsideSockets {
  openTcp(remote: TransportAddress): Socket;
  openUdp(remote: TransportAddress): Promise<DatagramSocket>;
}

/** Two bytes of length, and no message is longer than they can say. */
const LENGTH_BYTES = 2;
const MESSAGE_MAX_BYTES = 65_535;

/** DNS over UDP and TCP (RFC 1035, RFC 7766), to one server each, from a port of its own. */
export function dnsLines(sockets: OutsideSockets, guard: Guard): OpenDnsLine {
  return (server, over, events) =>
    over === 'udp' ? udpLine(server, sockets, events, guard) : tcpLine(server, sockets, events, guard);
}

/** A connected socket: the kernel takes nothing that comes from anybody else, and says when nobody listens there. */
function udpLine(server: TransportAddress, sockets: OutsideSockets, events: DnsLineEvents, guard: Guard): DnsLine {
  let socket: DatagramSocket | undefined;
  let isConnected = false;
  let isClosed = false;
  const waiting: Uint8Array[] = [];
  const failed = (error: unknown): void => {
    if (!isClosed) guard.run('DNS failure', () => events.failed(systemReason(error)));
  };
  const open = async (): Promise<void> => {
    const opened = await sockets.openUdp(server);
    opened.on('error', failed);
    if (isClosed) return void opened.close();
    socket = opened;
    opened.on('message', (bytes) => {
      if (!isClosed) guard.run('DNS answer', () => events.message(bytes));
    });
    // Not handed to `connect`, which would call it with the error as well, and then tell no listener of that.
    opened.once('connect', () => {
      if (isClosed) return;
      isConnected = true;
      for (const bytes of waiting.splice(0)) opened.send(bytes);
    });
    opened.connect(server.port, server.ip);
  };
  // On a later turn: whoever opens a line knows it before it fails.
  void open().catch((error: unknown) => setImmediate(failed, error));
  return {
    send: (bytes) => {
      if (!isConnected) waiting.push(bytes);
      else socket?.send(bytes);
    },
    close: () => {
      if (isClosed) return;
      isClosed = true;
      socket?.close();
    },
  };
}

function tcpLine(server: TransportAddress, sockets: OutsideSockets, events: DnsLineEvents, guard: Guard): DnsLine {
  let socket: Socket | undefined;
  let isClosed = false;
  let received = Buffer.alloc(0);
  const waiting: Uint8Array[] = [];
  const failed = (error: unknown): void => {
    if (!isClosed) guard.run('DNS failure', () => events.failed(`over TCP: ${systemReason(error)}`));
  };
  const read = (bytes: Buffer): void => {
    received = Buffer.concat([received, bytes]);
    while (!isClosed && received.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + received.readUInt16BE(0);
      if (received.length < end) return;
      const message = received.subarray(LENGTH_BYTES, end);
      received = received.subarray(end);
      guard.run('DNS answer', () => events.message(message));
    }
  };
  try {
    socket = sockets.openTcp(server);
    socket.on('error', failed);
    socket.on('data', read);
    socket.on('close', () => failed(new Error('the server hung up')));
    socket.on('connect', () => {
      for (const bytes of waiting.splice(0)) socket?.write(bytes);
    });
    socket.connect({ host: server.ip, port: server.port });
  } catch (error) {
    setImmediate(failed, error);
  }
  return {
    send: (bytes) => {
      if (bytes.length > MESSAGE_MAX_BYTES) return;
      const framed = Buffer.alloc(LENGTH_BYTES + bytes.length);
      framed.writeUInt16BE(bytes.length);
      framed.set(bytes, LENGTH_BYTES);
      if (socket === undefined || socket.connecting) waiting.push(framed);
      else socket.write(framed);
    },
    close: () => {
      isClosed = true;
      socket?.destroy();
    },
  };
}
