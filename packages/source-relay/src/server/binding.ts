import { attributeType, encodeStunMessage, type StunMessage, type TransportAddress } from '@wirepath/stun-codec';

/** The four corners of RFC 5780: this socket's address, and those with the other IP address, the other port, or both. */
export interface ResponseOrigins<Origin> {
  readonly same: Origin;
  readonly otherPort: Origin;
  readonly otherIp: Origin;
  readonly otherBoth: Origin;
}

export interface BindingOrigin {
  /** Undefined where the socket is bound to the wildcard: its address is not known. */
  readonly address: TransportAddress | undefined;
}

export interface BindingResponse<Origin> {
  readonly bytes: Buffer;
  /** The socket to answer from. */
  readonly origin: Origin;
  readonly port: number;
}

/**
 * Answers a Binding request (RFC 8489, RFC 5780). Not authenticated, so the response is never much larger than the
 * request: padding is as long as the request's.
 * @param alternates undefined where the server has no alternate address: CHANGE-REQUEST is then answered 420.
 */
export function answerBinding<Origin extends BindingOrigin>(
  request: StunMessage,
  client: TransportAddress,
  here: Origin,
  alternates: ResponseOrigins<Origin> | undefined,
): BindingResponse<Origin> {
  const respond = (fields: Partial<Parameters<typeof encodeStunMessage>[0]>, origin = here, port = client.port) => ({
    bytes: encodeStunMessage({
      class: 'success',
      method: 'binding',
      transactionId: request.transactionId,
      fingerprint: request.hasFingerprint,
      ...fields,
    }),
    origin,
    port,
  });
  const { changeRequest, responsePort, padding } = request;
  const unknown = request.unknownRequired;
  if (changeRequest !== undefined && alternates === undefined) unknown.push(attributeType.changeRequest);
  if (unknown.length > 0)
    return respond({
      class: 'error',
      errorCode: { code: 420, reason: 'Unknown Attribute' },
      unknownAttributes: unknown,
    });
  // RFC 5780, section 7.5: both together would send a large datagram to a port that did not ask.
  if (padding !== undefined && responsePort !== undefined)
    return respond({ class: 'error', errorCode: { code: 400, reason: 'Bad Request' } });

  const origin =
    alternates === undefined || changeRequest === undefined
      ? here
      : changeRequest.changeIp
        ? changeRequest.changePort
          ? alternates.otherBoth
          : alternates.otherIp
        : changeRequest.changePort
          ? alternates.otherPort
          : here;
  return respond(
    {
      mappedAddress: client,
      padding: padding === undefined ? undefined : Buffer.alloc(padding.length),
      responseOrigin: origin.address,
      otherAddress: alternates?.otherBoth.address,
    },
    origin,
    responsePort === undefined || responsePort === 0 ? client.port : responsePort,
  );
}
