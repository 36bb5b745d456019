import { CodedError, definePlugin } from '@wirepath/core/plugin';
import { EmbeddedTransport } from './embedded/embedded-transport.js';
import { wireGuardOptions } from './options.js';

export default definePlugin({
  name: '@wirepath/transport-wg',
  apiVersion: 1,
  options: wireGuardOptions,
  needs: ['logger', 'clock', 'random', 'identity', 'node'],
  provides: ['transport'],
  create(needs, options) {
    if (options.mode === 'uapi') throw new CodedError('CONFIG', 'mode "uapi" is not built yet');
    return { transport: new EmbeddedTransport(needs, options) };
  },
});
