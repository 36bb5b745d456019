import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';

const require = createRequire(new URL('../src/stun-package.ts', import.meta.url));
const loadedModules = () =>
  Object.keys(require.cache).filter((path) =>
    /[\\/]node_modules[\\/](stun|binary-data|meow|parse-url)[\\/]/.test(path),
  );

describe('npm stun', () => {
  it('is loaded by the first encoded message, not by the import, nor by decoding; never with its command line parser', async () => {
    const { decodeStunMessage, encodeRelayIndication, encodeStunMessage, transportAddress } =
      await import('@wirepath/stun-codec');
    const indication = encodeRelayIndication(
      'send',
      Buffer.alloc(12),
      transportAddress('192.0.2.1', 1),
      Buffer.from('x'),
    );
    expect(decodeStunMessage(indication)?.peerAddresses).toHaveLength(1);
    expect(loadedModules()).toEqual([]);

    encodeStunMessage({ class: 'request', method: 'binding', transactionId: Buffer.alloc(12), software: 'x' });
    const modules = loadedModules();
    expect(modules.some((path) => path.includes('stun'))).toBe(true);
    expect(modules.filter((path) => /meow|parse-url/.test(path))).toEqual([]);
  });
});
