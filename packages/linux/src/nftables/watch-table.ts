import type { Libc } from '../libc/libc.js';
import { AttributeMap } from '../netlink/attributes.js';
import { NETLINK_NETFILTER } from '../netlink/netlink-socket.js';
import { watchNetlink } from '../netlink/netlink-watch.js';

/** NFNLGRP_NFTABLES, as a bit. */
const NFTABLES_GROUP = 1 << 6;
/** NFT_MSG_NEWGEN of the subsystem nftables: ends what belongs together. */
const NEW_GENERATION = (10 << 8) | 15;
const NFGENMSG_BYTES = 4;

/** A change of a table by somebody. */
export interface TableChange {
  /** The netlink socket that made it: {@link Nftables.portId} tells whether it was ours. */
  readonly portId: number;
  /** The program that made it, and its process id; undefined where the kernel does not say. */
  readonly program: string | undefined;
  readonly pid: number | undefined;
}

export interface TableEvents {
  /** The table, or something in it, was made, changed or removed. Called once for each change, after it. */
  onChange(change: TableChange): void;
  /** The socket failed, as when messages came faster than they were read (ENOBUFS); it is closed. */
  onLost(error: Error): void;
}

/**
 * Tells of every change of one table of nftables, until disposed of.
 * @throws SystemCallError where the system refuses such a socket. @throws NativeCodeError
 */
export function watchTable(table: string, events: TableEvents, libc?: Libc): Disposable {
  let touched = false;
  return watchNetlink(
    { protocol: NETLINK_NETFILTER, groups: NFTABLES_GROUP },
    {
      onLost: (error) => events.onLost(error),
      onMessages: (messages) => {
        for (const { type, portId, payload } of messages) {
          const of = new AttributeMap(payload.subarray(NFGENMSG_BYTES));
          if (type !== NEW_GENERATION) {
            // Of all that is in a table, the first attribute is the table's name.
            touched ||= of.string(1) === table;
          } else if (touched) {
            touched = false;
            events.onChange({ portId, program: of.string(3), pid: of.be32(2) });
          }
        }
      },
    },
    libc,
  );
}
