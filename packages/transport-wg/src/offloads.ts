import { TUN_OFFLOADS, UDP_OFFLOADS, type TunOffload, type UdpOffload } from '@wirepath/linux';

/**
 * Ways in which many packets go at a time: system calls for several datagrams (`batches`), datagrams that the kernel splits and
 * joins (`gso`, `gro`), TCP and UDP that the device splits and joins (`tso`, `uso`).
 */
export const OFFLOADS = [...UDP_OFFLOADS, ...TUN_OFFLOADS] as const;
export type Offload = UdpOffload | TunOffload;

export function udpOffloads(all: readonly Offload[]): UdpOffload[] {
  return UDP_OFFLOADS.filter((one) => all.includes(one));
}

export function tunOffloads(all: readonly Offload[]): TunOffload[] {
  return TUN_OFFLOADS.filter((one) => all.includes(one));
}
