import { CodedError, deniedPort } from '@wirepath/core/plugin';

/** A system without IPv6 (or IPv4) is no error as long as it has the other. */
export function unlessFamilyMissing(error: unknown): undefined {
  const code = error instanceof CodedError ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined;
  if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') throw error;
  return undefined;
}

/** What the system says, for people. */
export function bindError(cause: NodeJS.ErrnoException, family: 4 | 6, port: number): CodedError {
  const subject = `${family === 4 ? '0.0.0.0' : '[::]'}:${port}`;
  switch (cause.code) {
    case 'EADDRINUSE':
      return new CodedError('ADDRESS_IN_USE', `UDP port ${port} is in use (${subject})`, {
        subject,
        advice:
          'Stop the process that has it (`ss -lunp` shows which), or choose another `listenPort` (0: any that is free).',
        cause,
      });
    case 'EACCES':
    case 'EPERM': {
      const { reason, advice } = deniedPort(port, cause.code);
      return new CodedError('PERMISSION_DENIED', `UDP port ${port} may not be opened (${subject}): ${reason}`, {
        subject,
        advice,
        cause,
      });
    }
    default:
      return new CodedError('NETWORK_CONFIG', `cannot open a UDP socket on ${subject}: ${cause.message}`, {
        subject,
        cause,
      });
  }
}
