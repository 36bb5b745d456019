import { valueAt } from '../problems/key-path.js';

/** A key that is valid but does nothing yet; it draws a warning. */
export interface NotBuiltYet {
  readonly path: readonly string[];
  /** Left out: whenever the key is there. */
  readonly when?: (value: unknown, rcFile: unknown) => boolean;
  readonly message: string;
}

/** Take a row out when what it names is built. */
export const NOT_BUILT_YET: readonly NotBuiltYet[] = [
  {
    path: ['server', 'rendezvous', 'tls', 'listen'],
    when: (listen, rcFile) => listen === valueAt(rcFile, ['server', 'turn', 'tls', 'listen']),
    message: 'sharing one TLS port with turn is not built yet; give each a port of its own',
  },
];
