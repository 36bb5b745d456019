import { runConformance, transportConformance, VirtualNetwork } from '../../src/index.js';
import { it } from 'vitest';
import { KEY_A, KEY_B, MyTransport } from './my-plugins.js';

runConformance(
  transportConformance(({ clock, time, random }) => {
    const network = new VirtualNetwork({ clock: time });
    const node = (publicKey: string, ip: string) => {
      const host = network.host({ ips: [ip] });
      return { publicKey, ip, create: () => new MyTransport({ publicKey, host, clock, random }) };
    };
    return { nodes: [node(KEY_A, '192.0.2.1'), node(KEY_B, '192.0.2.2')] };
  }),
  it,
);
