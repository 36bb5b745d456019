import { tryTransportAddress } from '@wirepath/core/plugin';
import { whyUnusable } from '../protocol/external-address.js';
import {
  isFrom,
  type GatewayAnswer,
  type GatewayRequest,
  type HttpRequest,
  type Inquiry,
  type Outcome,
  type UpnpService,
  type Wish,
} from '../protocol/inquiry.js';
import { believedLifetimeMs } from '../protocol/lifetime.js';
import { Retransmission } from '../protocol/retransmission.js';
import { servicesOf } from './description.js';
import { actionRequest, actionResult, type ActionResult } from './soap.js';
import { isSearchResponse, locationOf, searchedAddresses, searches } from './ssdp.js';

/** Locations that one gateway may name: one for each of its devices, as a rule one. */
const MAX_LOCATIONS = 4;
/** Other external ports, where one belongs to another machine. */
const MAX_PORTS = 5;
/** IGD 1's word for a lease without an end. It is removed at stop, and looked at in between. */
const NO_END = 0;
const LOWEST_PORT = 1024;

type State = 'searching' | 'describing' | 'asking' | 'ready' | 'looking' | 'adding' | 'removing' | 'done';

export interface UpnpOptions {
  /** A service that is known from before: nothing is searched. */
  readonly service?: UpnpService | undefined;
  readonly remove?: boolean;
  /** A number from 0 to 1, for ports in the place of taken ones. */
  readonly random: () => number;
}

/**
 * UPnP IGD 1 and 2: finds the gateway's service, asks it for the external address, looks whom the port belongs to (some
 * gateways give away what is another's), and adds the mapping.
 */
export class UpnpInquiry implements Inquiry {
  readonly protocol = 'upnp';
  outcome: Outcome | undefined;
  readonly #options: UpnpOptions;
  readonly #retransmission = new Retransmission();
  readonly #locations: URL[] = [];
  readonly #services: UpnpService[] = [];
  #state: State = 'searching';
  #service: UpnpService | undefined;
  #action = '';
  #location: URL | undefined;
  #requestId = 0;
  #externalIp = '';
  #port: number;
  #portsTried = 1;
  #leaseSeconds: number;
  #reason: string | undefined;
  #requests: GatewayRequest[] = [];

  constructor(
    readonly wish: Wish,
    now: number,
    options: UpnpOptions,
  ) {
    this.#options = options;
    this.#port = wish.suggestedPort;
    this.#leaseSeconds = wish.lifetimeSeconds;
    if (options.service !== undefined) {
      this.#service = options.service;
      if (options.remove === true) this.#remove();
      else this.#ask();
    } else if (options.remove === true) this.outcome = { kind: 'unmapped' };
    else {
      this.#retransmission.start(now);
      this.#search();
    }
  }

  get isReady(): boolean {
    return this.#state === 'ready';
  }

  commit(): void {
    if (this.isReady) this.#look();
  }

  nextTimeout(): number {
    return this.#retransmission.nextTimeout();
  }

  handleTimeout(now: number): void {
    const todo = this.#retransmission.handleTimeout(now);
    if (todo === 'send-again') this.#search();
    if (todo === 'give-up') this.#end('no answer', this.#reason === undefined);
  }

  handle(answer: GatewayAnswer): boolean {
    if (answer.kind === 'datagram') {
      if (!isFrom(answer, this.wish.gatewayIp) || !isSearchResponse(answer.bytes)) return false;
      this.#found(locationOf(answer.bytes, this.wish.gatewayIp));
      return true;
    }
    if (answer.id !== this.#requestId || this.#state === 'done') return false;
    if (answer.kind === 'http-failed') this.#next(answer.reason);
    else if (this.#state === 'describing') this.#described(answer.status, answer.body);
    else this.#acted(actionResult(this.#action, answer.status, answer.body));
    return true;
  }

  takeRequests(): GatewayRequest[] {
    return this.#requests.splice(0);
  }

  /** What is being added may be there although nothing came back. */
  abandon(): void {
    if (this.#state === 'adding') this.#remove();
    this.#state = 'done';
    this.#retransmission.stop();
  }

  // --- Finding the service ---

  #search(): void {
    for (const to of searchedAddresses(this.wish.gatewayIp))
      for (const bytes of searches(to)) this.#requests.push({ kind: 'datagram', to, bytes });
  }

  #found(location: URL | undefined): void {
    if (location === undefined || this.#state === 'done') return;
    const isKnown = this.#locations.some(({ href }) => href === location.href);
    if (isKnown || this.#locations.length >= MAX_LOCATIONS) return;
    this.#locations.push(location);
    if (this.#state === 'searching') this.#describe(location);
  }

  #describe(location: URL): void {
    this.#retransmission.stop();
    this.#state = 'describing';
    this.#location = location;
    this.#http({ method: 'GET', url: location, headers: {}, body: '' });
  }

  #described(status: number, body: string): void {
    if (status !== 200 || this.#location === undefined) return this.#next(`it answers with HTTP status ${status}`);
    const services = servicesOf(body, this.#location, this.wish.gatewayIp);
    if (typeof services === 'string') return this.#next(services);
    this.#services.push(...services);
    this.#next(undefined);
  }

  /** The next service of those that are known, or the next description. @param reason why the last one is no good. */
  #next(reason: string | undefined): void {
    this.#reason = reason ?? this.#reason;
    const { remove = false, service } = this.#options;
    if (remove || service !== undefined) return this.#end(this.#reason ?? 'no answer');
    // What is being added may have been added: it is not tried elsewhere too.
    if (this.#state === 'adding') return this.#end(this.#reason ?? 'no answer');
    this.#service = this.#services.shift();
    if (this.#service !== undefined) return this.#ask();
    const position = this.#location === undefined ? -1 : this.#locations.indexOf(this.#location);
    const location = this.#locations[position + 1];
    if (location !== undefined) this.#describe(location);
    else this.#end(this.#reason ?? 'no answer');
  }

  // --- Actions ---

  #ask(): void {
    this.#act('asking', 'GetExternalIPAddress', {});
  }

  #look(): void {
    const values = { NewRemoteHost: '', NewExternalPort: this.#port, NewProtocol: 'UDP' };
    this.#act('looking', 'GetSpecificPortMappingEntry', values);
  }

  #add(): void {
    this.#act('adding', 'AddPortMapping', {
      NewRemoteHost: '',
      NewExternalPort: this.#port,
      NewProtocol: 'UDP',
      NewInternalPort: this.wish.internalPort,
      NewInternalClient: this.wish.clientIp,
      NewEnabled: 1,
      NewPortMappingDescription: this.wish.description,
      NewLeaseDuration: this.#leaseSeconds,
    });
  }

  #remove(): void {
    const values = { NewRemoteHost: '', NewExternalPort: this.#port, NewProtocol: 'UDP' };
    this.#act('removing', 'DeletePortMapping', values);
  }

  #acted(result: ActionResult): void {
    switch (this.#state) {
      case 'asking':
        return this.#asked(result);
      case 'looking':
        return this.#looked(result);
      case 'adding':
        return this.#added(result);
      case 'removing':
        // 714: it was gone already.
        if (result.kind === 'refused' && result.code !== 714) return this.#end(result.reason);
        this.#state = 'done';
        this.outcome = { kind: 'unmapped' };
        return;
      default:
        // No action is under way.
        return;
    }
  }

  #asked(result: ActionResult): void {
    if (result.kind === 'refused') return this.#next(result.reason);
    const ip = result.values.get('NewExternalIPAddress') ?? '';
    const wrong = whyUnusable(tryTransportAddress(ip, this.#port), this.wish.clientIp);
    if (wrong !== undefined) return this.#next(wrong);
    this.#externalIp = ip;
    // A mapping that is renewed has its turn already.
    if (this.#options.service !== undefined) this.#look();
    else this.#state = 'ready';
  }

  #looked(result: ActionResult): void {
    if (result.kind === 'done') {
      const isOurs =
        result.values.get('NewInternalClient') === this.wish.clientIp &&
        result.values.get('NewInternalPort') === String(this.wish.internalPort);
      if (!isOurs) return this.#tryOtherPort('the port belongs to another machine');
    }
    // Where it does not tell, adding does.
    this.#add();
  }

  #added(result: ActionResult): void {
    if (result.kind === 'refused') {
      if (result.code === 725 && this.#leaseSeconds !== NO_END) {
        this.#leaseSeconds = NO_END;
        return this.#add();
      }
      if (result.code === 718 || result.code === 729) return this.#tryOtherPort(result.reason);
      return this.#end(result.reason);
    }
    const external = tryTransportAddress(this.#externalIp, this.#port);
    if (external === undefined || this.#service === undefined) return this.#end('it tells no external address');
    // Without an end means until it forgets: an hour is when that is looked at.
    const lifetimeMs = believedLifetimeMs(this.#leaseSeconds) ?? this.wish.lifetimeSeconds * 1000;
    this.#state = 'done';
    this.outcome = { kind: 'mapped', mapping: { protocol: 'upnp', external, lifetimeMs, service: this.#service } };
  }

  #tryOtherPort(reason: string): void {
    if (this.#portsTried >= MAX_PORTS) return this.#end(reason);
    this.#portsTried += 1;
    this.#port = LOWEST_PORT + Math.floor(this.#options.random() * (65_536 - LOWEST_PORT));
    this.#look();
  }

  #act(state: State, action: string, values: Readonly<Record<string, string | number>>): void {
    if (this.#service === undefined) return this.#end('no answer');
    this.#state = state;
    this.#action = action;
    this.#http(actionRequest(this.#service, action, values));
  }

  #http(request: HttpRequest): void {
    this.#requestId += 1;
    this.#requests.push({ kind: 'http', id: this.#requestId, request });
  }

  #end(reason: string, silent = false): void {
    this.#state = 'done';
    this.#retransmission.stop();
    this.outcome = { kind: 'failed', protocol: 'upnp', reason, silent };
  }
}
