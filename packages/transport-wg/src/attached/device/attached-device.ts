import { CodedError, type Identity, type Logger, type PublicKey } from '@wirepath/core/plugin';
import { UapiClient } from '../../uapi/socket/client.js';
import type { DeviceControl, UapiChange, UapiDeviceState, UapiPeerChange, UapiPeerState } from '../../uapi/device.js';
import { UAPI_ERRNO, UapiError } from '../../uapi/errno.js';
import type { DeviceMishaps } from './device-mishaps.js';
import { WgProgram } from './wg-program.js';
import { traitsOf, userspaceKind, type DeviceKind, type DeviceTraits } from './device-traits.js';
import { putPeer, removePeer } from './peer-changes.js';
import { WireguardGo } from './wireguard-go.js';

/** A device that hangs is left as it is. */
const DETACH_TIMEOUT_MS = 2000;

export interface AttachedDeviceOptions {
  readonly interfaceName: string;
  /** Starts this program (wireguard-go's arguments) and ends it again; without it the device must be there. */
  readonly command?: string | undefined;
  /** @default found out */
  readonly kind?: DeviceKind | undefined;
  /** @default its UAPI socket, or `wg` where it has none */
  readonly control?: DeviceControl | undefined;
  readonly identity: Identity;
  readonly logger: Logger;
  readonly mishaps: DeviceMishaps;
}

/** A WireGuard device that somebody else runs, while we use it: what it was before comes back on {@link detach}. */
export class AttachedDevice {
  readonly #options: AttachedDeviceOptions;
  readonly #daemon: WireguardGo | undefined;
  readonly #managed = new Set<PublicKey>();
  /** Gives up as soon as we detach. */
  #control: DeviceControl | undefined;
  #plainControl: DeviceControl | undefined;
  #kind: DeviceKind;
  #before: UapiDeviceState | undefined;
  /** Peers that it had when we came. */
  #foreign: ReadonlySet<PublicKey> = new Set();
  #queue: Promise<unknown> = Promise.resolve();
  readonly #detaching = new AbortController();

  constructor(options: AttachedDeviceOptions) {
    this.#options = options;
    this.#kind = options.kind ?? 'wireguard-go';
    const { interfaceName, command, logger } = options;
    this.#daemon = command === undefined ? undefined : new WireguardGo({ interfaceName, command, logger });
  }

  get interfaceName(): string {
    return this.#options.interfaceName;
  }

  get kind(): DeviceKind {
    return this.#kind;
  }

  get traits(): DeviceTraits {
    return traitsOf(this.#kind);
  }

  /**
   * Finds the device (or starts it) and gives it our key.
   * @param options.portToFree the UDP port that we want for ourselves: a device that has it takes another.
   * @throws CodedError INTERFACE_NOT_FOUND, PERMISSION_DENIED, NETWORK_CONFIG, TIMEOUT, ABORTED; UapiError.
   */
  async attach(options: { signal: AbortSignal; portToFree?: number | undefined }): Promise<UapiDeviceState> {
    const { signal, portToFree } = options;
    await this.#daemon?.start({ signal });
    const { control, state } = await this.#find(signal);
    this.#control = abortable(control, this.#detaching.signal);
    this.#plainControl = control;
    this.#before = state;
    this.#foreign = new Set(state.peers.map(({ publicKey }) => publicKey));
    const privateKey = this.#options.identity.exportPrivateKey();
    const moves = portToFree !== undefined && portToFree !== 0 && state.listenPort === portToFree;
    await control.set({ privateKey, ...(moves ? { listenPort: 0 } : {}), replacePeers: false, peers: [] }, { signal });
    return control.get({ signal });
  }

  /** After the changes that were asked for before it. @throws as {@link attach}. */
  get(): Promise<UapiDeviceState> {
    const turn = this.#queue.then(() => {
      if (!this.#control) throw new CodedError('ABORTED', 'the device is not attached');
      return this.#control.get();
    });
    // Whoever asked gets the error.
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** Changes follow one another in the order of these calls; one that fails is logged. @returns whether it was taken. */
  set(change: UapiChange): Promise<boolean> {
    return this.inTurn((control) => control.set(change));
  }

  /** Runs `step` after the changes before it. @returns false where it failed. */
  inTurn(step: (control: DeviceControl) => Promise<void>): Promise<boolean> {
    const turn = this.#queue.then(async () => {
      if (!this.#control) return false;
      try {
        await step(this.#control);
        return true;
      } catch (error) {
        // What was still to be done is undone by the last change.
        if (this.#detaching.signal.aborted) return false;
        this.#options.mishaps.refused(error);
        const { interfaceName } = this.#options;
        this.#options.logger.error('the device was not changed', { interface: interfaceName, error: messageOf(error) });
        return false;
      }
    });
    this.#queue = turn;
    return turn;
  }

  /**
   * The peer as the device has it. Asked only where that matters, since a device tells of all its peers at once: where a
   * peer cannot be changed in place, and of peers that it had before us.
   */
  async present(publicKey: PublicKey, control: DeviceControl): Promise<UapiPeerState | undefined> {
    if (this.traits.canModifyPeer && !this.#foreign.has(publicKey)) return undefined;
    return (await control.get()).peers.find((peer) => peer.publicKey === publicKey);
  }

  /** Peers that are put into the device by us: removed again, or set back to what they were, on {@link detach}. */
  manage(publicKey: PublicKey): void {
    this.#managed.add(publicKey);
  }

  /** Drops the changes that are still waiting. Idempotent; never rejects. */
  async detach(): Promise<void> {
    this.#detaching.abort();
    await this.#queue;
    const control = this.#plainControl;
    const before = this.#before;
    this.#control = this.#plainControl = this.#before = undefined;
    if (control && before && !this.#daemon) {
      const signal = AbortSignal.timeout(DETACH_TIMEOUT_MS);
      await control.set(changeBack(before, this.#managed), { signal }).catch((error: unknown) => {
        const { interfaceName, logger } = this.#options;
        logger.warn('the device was not set back', { interface: interfaceName, error: messageOf(error) });
      });
    }
    await this.#daemon?.stop();
  }

  async #find(signal: AbortSignal): Promise<{ control: DeviceControl; state: UapiDeviceState }> {
    const { interfaceName, control, kind } = this.#options;
    if (control) return this.#found(control, kind ?? 'wireguard-go', await control.get({ signal }));
    if (kind !== 'kernel') {
      const userspace = UapiClient.forInterface(interfaceName);
      try {
        const state = await userspace.get({ signal });
        return this.#found(userspace, kind ?? userspaceKind(state), state);
      } catch (error) {
        // No socket: it may be the kernel's.
        if (kind !== undefined || !(error instanceof CodedError) || error.code !== 'INTERFACE_NOT_FOUND') throw error;
      }
    }
    const kernel = new WgProgram({ interfaceName });
    try {
      return this.#found(kernel, 'kernel', await kernel.get({ signal }));
    } catch (cause) {
      if (!(cause instanceof CodedError) || cause.code !== 'INTERFACE_NOT_FOUND') throw cause;
      throw new CodedError('INTERFACE_NOT_FOUND', `there is no WireGuard device ${interfaceName}`, {
        subject: interfaceName,
        advice: `Make it (\`ip link add ${interfaceName} type wireguard\`, or \`wireguard-go ${interfaceName}\`), or use mode embedded.`,
        cause,
      });
    }
  }

  #found(control: DeviceControl, kind: DeviceKind, state: UapiDeviceState) {
    this.#kind = kind;
    return { control, state };
  }
}

/** Sets a device back to `before`, as far as the key, the port and these peers go. */
function changeBack(before: UapiDeviceState, managed: ReadonlySet<PublicKey>): UapiChange {
  const known = new Map(before.peers.map((peer) => [peer.publicKey, peer]));
  return {
    privateKey: before.privateKey ?? null,
    // 0 says "none yet": it may keep the one that it has by now.
    ...(before.listenPort === 0 ? {} : { listenPort: before.listenPort }),
    replacePeers: false,
    peers: [...managed].flatMap((publicKey): UapiPeerChange[] => {
      const gone = removePeer(publicKey).peers;
      const peer = known.get(publicKey);
      if (!peer) return [...gone];
      const put = putPeer(peer, peer.endpoint, { replace: false }).peers;
      // An endpoint cannot be taken away.
      return peer.endpoint ? [...put] : [...gone, ...put];
    }),
  };
}

function abortable(control: DeviceControl, signal: AbortSignal): DeviceControl {
  return { get: () => control.get({ signal }), set: (change) => control.set(change, { signal }) };
}

function messageOf(error: unknown): string {
  if (error instanceof UapiError && error.errno === UAPI_ERRNO.EADDRINUSE) return 'the port is in use';
  return error instanceof Error ? error.message : String(error);
}
