import { tryTransportAddress, type TransportAddress } from '@wirepath/stun-codec';
import type { GatheredCandidate } from '../../contracts/candidate.js';
import type { Base } from '../../contracts/candidate-base.js';
import { NAT_DEPENDENCES, type NatBehavior, type NatDependence } from '../../contracts/nat-behavior.js';
import { shown } from '../../base/guard/refusals.js';

/** What sources find; peer-reflexive candidates are found by checks alone. */
const TYPES = ['host', 'server-reflexive', 'relayed'] as const;
const MAX_TEXT_LENGTH = 256;

/** What a source yields, read once: complete and our own object, or why it is none. */
export type CheckedCandidate =
  { readonly candidate: GatheredCandidate } | { readonly subject: string; readonly why: string };

type Fields = Readonly<Record<string, unknown>>;

/** Thrown inside and answered at once. */
class Refused extends Error {}

/** @param bases those that the transport has now: a candidate cannot be based on anything else. */
export function checkCandidate(value: unknown, bases: readonly Base[]): CheckedCandidate {
  let subject = 'a candidate';
  try {
    const fields = objectOf(value, 'a candidate to be an object');
    const type = TYPES.find((known) => known === fields['type']);
    if (type === undefined) throw new Refused(`expected type ${TYPES.join(', ')}, found ${shown(fields['type'])}`);
    subject = `a ${type} candidate`;
    const address = addressOf(fields['address'], 'address');
    const { base, localPreference, relatedAddress } = fields;
    if (localPreference !== undefined && !isUint16(localPreference))
      throw new Refused(
        `expected localPreference to be a whole number from 0 to 65535, found ${shown(localPreference)}`,
      );
    const [server, forwardedBy] = [textOf(fields, 'server'), textOf(fields, 'forwardedBy')];
    return {
      candidate: {
        type,
        address,
        ...(base === undefined ? {} : { base: baseOf(base, bases) }),
        ...(localPreference === undefined ? {} : { localPreference }),
        ...(server === undefined ? {} : { server }),
        ...(forwardedBy === undefined ? {} : { forwardedBy }),
        ...(relatedAddress === undefined ? {} : { relatedAddress: addressOf(relatedAddress, 'relatedAddress') }),
      },
    };
  } catch (error) {
    return { subject, why: error instanceof Refused ? error.message : 'it throws when it is read' };
  }
}

/** @returns why it is no NAT behaviour; undefined where it is one. */
export function natBehaviorFault(value: unknown): string | undefined {
  try {
    const { mapping, filtering } = objectOf(value, 'an object');
    for (const [name, dependence] of Object.entries({ mapping, filtering })) {
      if (dependence !== null && !NAT_DEPENDENCES.includes(dependence as NatDependence))
        return `expected ${name} to be ${NAT_DEPENDENCES.join(', ')} or null, found ${shown(dependence)}`;
    }
    return undefined;
  } catch (error) {
    return error instanceof Refused ? error.message : 'it throws when it is read';
  }
}

/** Only the two, of what {@link natBehaviorFault} found right: a lifetime is learnt apart. */
export function plainNatBehavior({ mapping, filtering }: NatBehavior): NatBehavior {
  return { mapping, filtering };
}

/** A binding's lifetime that a keepalive can go by. */
export function isLifetimeMs(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

function addressOf(value: unknown, name: string): TransportAddress {
  const { ip, port } = objectOf(value, `${name} to be an object with ip and port`);
  const address = tryTransportAddress(ip, port);
  if (address !== undefined && address.port > 0) return address;
  throw new Refused(`expected ${name} to be an IP address and a port, found ${shown(ip)} and ${shown(port)}`);
}

function textOf(fields: Fields, name: 'server' | 'forwardedBy'): string | undefined {
  const value = fields[name];
  if (value === undefined || (typeof value === 'string' && value.length <= MAX_TEXT_LENGTH)) return value;
  throw new Refused(`expected ${name} to be text of at most ${MAX_TEXT_LENGTH} characters, found ${shown(value)}`);
}

function baseOf(value: unknown, bases: readonly Base[]): Base {
  const { id } = objectOf(value, 'base to be one of the transport');
  const base = bases.find((one) => one.id === id);
  if (base === undefined) throw new Refused(`expected base to be one that the transport has, found id ${shown(id)}`);
  return base;
}

function objectOf(value: unknown, expected: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new Refused(`expected ${expected}, found ${shown(value)}`);
}

function isUint16(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65535;
}
