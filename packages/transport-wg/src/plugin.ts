import { definePlugin } from '@wirepath/core/plugin';
import { EmbeddedTransport } from './embedded/embedded-transport.js';
import { wireGuardOptions } from './options.js';

export default definePlugin({
  name: '@wirepath/transport-wg',
  apiVersion: 1,
  options: wireGuardOptions,
  needs: ['logger', 'clock', 'guard', 'random', 'identity', 'node', 'product'],
  provides: ['transport'],
  // Routes, marks and `ip`; pinning sockets anew; another socket on a `listenPort` below 1024.
  capabilities: ['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_NET_BIND_SERVICE'],
  async create(needs, options) {
    if (options.mode === 'embedded') return { transport: new EmbeddedTransport(needs, options) };
    if (options.subMode === 'native') {
      const { NativeTransport } = await import('./attached/native/native-transport.js');
      return { transport: new NativeTransport(needs, options) };
    }
    const { ProxyTransport } = await import('./attached/proxy/proxy-transport.js');
    return { transport: new ProxyTransport(needs, options) };
  },
});
