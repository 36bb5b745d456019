import type { DatagramOffloads, DatagramSocket } from '@wirepath/linux';

export interface UdpMeans extends DatagramOffloads {
  readonly sockets: DatagramSocket<unknown>['kind'] | undefined;
}

/** What sockets of one network make use of: that differs only where the system has refused something. */
export function udpMeans(sockets: readonly Pick<DatagramSocket<unknown>, 'kind' | 'offloads'>[]): UdpMeans {
  const [first] = sockets;
  const givenUp = new Set(sockets.flatMap(({ offloads }) => offloads.givenUp));
  const used = first?.offloads.used ?? [];
  return { sockets: first?.kind, used, givenUp: [...givenUp] };
}
