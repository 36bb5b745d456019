import { CodedError, type Denial } from '@wirepath/core/plugin';
import { NativeCodeError, SystemCallError } from '@wirepath/linux';

/**
 * The error of a failed system call, for people: what was tried, why it failed, what cures it.
 * @param error of `@wirepath/linux`; any other comes back as it is.
 * @param refusal says what the call needs that we lack, from the name of the errno: EPERM or EACCES.
 */
export function refusedCall(error: unknown, subject: string | undefined, refusal: (code: string) => Denial): unknown {
  if (error instanceof NativeCodeError) return noSystemCalls(error);
  if (!(error instanceof SystemCallError)) return error;
  const { operation, code, message } = error;
  const details = subject === undefined ? {} : { subject };
  switch (code) {
    case 'EPERM':
    case 'EACCES': {
      const { reason, advice } = refusal(code);
      return new CodedError('PERMISSION_DENIED', `${operation}: ${reason}`, { ...details, advice });
    }
    case 'EBUSY':
    case 'EEXIST':
      return new CodedError('INTERFACE_IN_USE', message, details);
    case 'ENODEV':
    case 'ENXIO':
      return new CodedError('INTERFACE_NOT_FOUND', message, details);
    default:
      return new CodedError('NETWORK_CONFIG', message, details);
  }
}

function noSystemCalls({ missing, message, cause }: NativeCodeError): CodedError {
  if (missing === 'system') {
    return new CodedError('NETWORK_CONFIG', `no TUN device on ${process.platform}/${process.arch} yet`, {
      advice: 'Set `tun: false` in the options of the transport to use packets in this process instead of a device.',
    });
  }
  return new CodedError('NETWORK_CONFIG', message, {
    advice: 'Install it again for this platform (`npm rebuild koffi`), or set `tun: false`.',
    cause,
  });
}
