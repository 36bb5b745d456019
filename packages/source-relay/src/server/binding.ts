import { attributeType, encodeBareResponse, type StunMessage, type TransportAddress } from '@wirepath/stun-codec';

/** A list of everything that somebody made up would be his to make long. */
const MAX_UNKNOWN_TOLD = 8;

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
 * Answers a Binding request (RFC 8489, RFC 5780). Nobody has authenticated it, so there is in it what must be: the mapped
 * address, and from a server with an alternate address RESPONSE-ORIGIN and OTHER-ADDRESS, which RFC 5780 wants in all. PADDING
 * is never sent back.
 * @param alternates undefined where the server has no alternate address: CHANGE-REQUEST is then answered 420.
 */
export function answerBinding<Origin extends BindingOrigin>(
  request: StunMessage,
  client: TransportAddress,
  here: Origin,
  alternates: ResponseOrigins<Origin> | undefined,
): BindingResponse<Origin> {
  const { transactionId, changeRequest, responsePort, padding } = request;
  const bare = { method: 'binding', transactionId, fingerprint: request.hasFingerprint } as const;
  const refuse = (errorCode: number, unknownAttributes?: readonly number[]) => ({
    bytes: encodeBareResponse({ ...bare, errorCode, unknownAttributes }),
    origin: here,
    port: client.port,
  });
  const unknown = request.unknownRequired;
  if (changeRequest !== undefined && alternates === undefined) unknown.push(attributeType.changeRequest);
  if (unknown.length > 0) return refuse(420, unknown.slice(0, MAX_UNKNOWN_TOLD));
  // RFC 5780, section 7.5.
  if (padding !== undefined && responsePort !== undefined) return refuse(400);

  const origin = alternates === undefined ? here : originFor(changeRequest, here, alternates);
  const elsewhere = responsePort !== undefined && responsePort !== 0 && responsePort !== client.port;
  const discovery =
    alternates === undefined
      ? undefined
      : { responseOrigin: origin.address, otherAddress: alternates.otherBoth.address };
  return {
    bytes: encodeBareResponse({ ...bare, mappedAddress: client, ...discovery }),
    origin,
    port: elsewhere ? responsePort : client.port,
  };
}

function originFor<Origin>(
  change: StunMessage['changeRequest'],
  here: Origin,
  { otherPort, otherIp, otherBoth }: ResponseOrigins<Origin>,
): Origin {
  if (change?.changeIp) return change.changePort ? otherBoth : otherIp;
  return change?.changePort ? otherPort : here;
}
