import { CodedError, deniedPort, formatAddress, isDenied, type TransportAddress } from '@wirepath/core/plugin';

/** @throws CodedError that names the address and what to do about it. */
export function listenError(
  what: string,
  local: TransportAddress,
  cause: unknown,
  protocol: 'udp' | 'tcp' = 'udp',
): CodedError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const subject = formatAddress(local);
  const details = { subject, cause };
  if (code === 'EADDRINUSE')
    return new CodedError('ADDRESS_IN_USE', `${what}: another process listens on ${subject}/${protocol}`, details);
  if (isDenied(code)) {
    const { reason, advice } = deniedPort(local.port, code);
    const message = `${what}: not permitted to listen on ${subject}/${protocol}: ${reason}`;
    return new CodedError('PERMISSION_DENIED', message, { ...details, advice });
  }
  return new CodedError(
    'NETWORK_CONFIG',
    `${what}: cannot listen on ${subject}/${protocol} (${code ?? String(cause)})`,
    details,
  );
}
