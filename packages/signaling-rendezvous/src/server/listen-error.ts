import { CodedError, deniedPort, isDenied, parseTransportAddress } from '@wirepath/core/plugin';

/**
 * Why the server does not listen. @param address `ip:port`, as configured.
 * @returns CodedError ADDRESS_IN_USE, PERMISSION_DENIED or NETWORK_CONFIG.
 */
export function listenError(address: string, cause: unknown): CodedError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const details = { subject: address, cause };
  if (code === 'EADDRINUSE') return new CodedError('ADDRESS_IN_USE', `rendezvous: ${address} is in use`, details);
  if (isDenied(code)) {
    const { reason, advice } = deniedPort(parseTransportAddress(address)?.port ?? NaN, String(code));
    const message = `rendezvous: no right to listen on ${address}: ${reason}`;
    return new CodedError('PERMISSION_DENIED', message, { ...details, advice });
  }
  return new CodedError('NETWORK_CONFIG', `rendezvous: cannot listen on ${address}`, details);
}
