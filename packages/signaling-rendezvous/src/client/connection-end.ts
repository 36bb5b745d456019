import { connectionFailure } from '@wirepath/core/plugin';
import { CLOSE_CODES } from '../protocol/rendezvous-v1.js';

const CLOSE_TEXTS: Readonly<Record<number, string>> = {
  [CLOSE_CODES.replaced]: 'another node registered with this key',
  [CLOSE_CODES.badProof]: 'the server refused the proof of this key',
  [CLOSE_CODES.foreignUrl]:
    'the server does not know itself by this URL: add it to `urls` in the configuration of the server',
  [CLOSE_CODES.full]:
    'the server has no room for this node: whoever runs it can raise `maxClients`, or admit only known keys with `allow`',
  [CLOSE_CODES.tooLate]: 'the server says that the registration came too late',
  [CLOSE_CODES.violation]: 'the server refused a frame of ours',
  [CLOSE_CODES.tooFast]: 'the server says that this node sends too much',
  [CLOSE_CODES.slowReader]:
    'the server says that this node did not read what it was sent: see whether this machine or its link hangs',
  [CLOSE_CODES.notAdmitted]:
    'the server admits only keys that it knows: ask whoever runs it to add the public key of this node to `allow` or `allowFile`',
  1001: 'the server is shutting down',
  1006: 'the connection broke',
  1009: 'a frame was too long',
};

/** One line for people. */
export function describeClose(code: number): string {
  return CLOSE_TEXTS[code] ?? `the server closed the connection (${code})`;
}

/** One line for people. */
export function describeError(error: unknown): string {
  // Node's words for a server that hangs up before it has answered.
  if (error instanceof Error && error.message === 'socket hang up')
    return 'the server hung up: the port may be that of wss://, or of another program';
  return connectionFailure(error);
}
