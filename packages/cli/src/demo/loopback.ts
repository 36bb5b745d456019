import { createSocket } from 'node:dgram';

/** Who has which address on the simulated internet. */
export interface LoopbackAddresses {
  readonly server: string;
  /** The STUN server's other address (RFC 5780); undefined: there is none. */
  readonly alternate: string | undefined;
  readonly natA: string;
  readonly natB: string;
}

const ALL_OF_LOOPBACK: LoopbackAddresses = {
  server: '127.0.0.1',
  alternate: '127.0.0.2',
  natA: '127.0.1.1',
  natB: '127.0.2.1',
};

/** For systems that have 127.0.0.1 alone, such as macOS: ports tell everybody apart, as behind a carrier's NAT. */
export const ONE_ADDRESS: LoopbackAddresses = {
  server: '127.0.0.1',
  alternate: undefined,
  natA: '127.0.0.1',
  natB: '127.0.0.1',
};

/** Linux lets everybody bind all of 127.0.0.0/8. */
export async function loopbackAddresses(): Promise<LoopbackAddresses> {
  const { alternate = '', natA, natB } = ALL_OF_LOOPBACK;
  const ports = await Promise.all([alternate, natA, natB].map((ip) => udpPort(ip).catch(() => undefined)));
  return ports.includes(undefined) ? ONE_ADDRESS : ALL_OF_LOOPBACK;
}

/** A UDP port of this address that was free a moment ago. @throws the system's error. */
export function udpPort(ip: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ port: 0, address: ip, exclusive: true }, () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}
