import { runConformance, signalingConformance } from '../../src/index.js';
import { it } from 'vitest';
import { KEY_A, KEY_B, MyBroker } from './my-plugins.js';

runConformance(
  signalingConformance(({ time }) => {
    const broker = new MyBroker({ clock: time });
    const node = (publicKey: string) => ({ publicKey, create: () => broker.client(publicKey) });
    return { nodes: [node(KEY_A), node(KEY_B)] };
  }),
  it,
);
