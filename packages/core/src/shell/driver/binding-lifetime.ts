import type { TransportAddress } from '@wirepath/stun-codec';

/** For how long the NAT in front of this node remembers an idle mapping: learnt once for each public address. */
export class BindingLifetime {
  /** Undefined until it is learnt. */
  ms: number | undefined;
  #publicIps = '';

  /** @returns whether the node is seen at other addresses than before: another NAT, of which nothing is known. */
  isAnother(reflexive: readonly TransportAddress[]): boolean {
    const publicIps = [...new Set(reflexive.map(({ ip }) => ip))].sort().join();
    if (publicIps === '' || publicIps === this.#publicIps) return false;
    this.#publicIps = publicIps;
    this.ms = undefined;
    return true;
  }

  /** It is learnt anew from now on. */
  stop(): void {
    this.#publicIps = '';
  }
}
