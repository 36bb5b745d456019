import {
  addressLinkOf,
  decodeLink,
  decodeRoute,
  decodeRule,
  linkIndexOf,
  RTM,
  type NetlinkMessage,
} from '@wirepath/linux';
import { routeKey } from './routing-entry.js';

/** What of ours a notification can be about. */
export interface Concern {
  /** Of our interface; undefined while it is gone. */
  readonly link: number | undefined;
  readonly interfaceName: string;
  /** Of the socket that our requests go through: what came about by them is no news. */
  readonly portId: number;
  /** Whether an entry of ours has this key. */
  has(key: string): boolean;
  /** The highest priority of our rules; undefined without rules. */
  readonly lastPriority: number | undefined;
}

/**
 * Whether our side may have to be looked at after a notification. Of thousands of routes that a routing daemon changes, those
 * count that lead to our interface or to a network that we route; whoever takes such a network gets told by no other message.
 */
export function concerns({ type, portId, payload }: NetlinkMessage, ours: Concern): boolean {
  const isOurs = portId !== 0 && portId === ours.portId;
  switch (type) {
    case RTM.NEWLINK:
    case RTM.DELLINK:
      return linkIndexOf(payload) === ours.link || decodeLink(payload)?.name === ours.interfaceName;
    case RTM.NEWADDR:
    case RTM.DELADDR:
      return !isOurs && addressLinkOf(payload) === ours.link;
    case RTM.NEWROUTE:
    case RTM.DELROUTE: {
      const route = isOurs ? undefined : decodeRoute(payload);
      if (route === undefined) return false;
      return (
        (ours.link !== undefined && route.link === ours.link) || ours.has(routeKey(route.table, route.destination))
      );
    }
    case RTM.NEWRULE:
    case RTM.DELRULE: {
      const rule = isOurs || ours.lastPriority === undefined ? undefined : decodeRule(payload);
      return rule !== undefined && rule.priority <= (ours.lastPriority ?? 0);
    }
    default:
      return false;
  }
}
