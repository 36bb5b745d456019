import { errnoName, errnoText } from '../libc/errno.js';
import { AttributeMap } from './attributes.js';
import { aligned, HEADER_BYTES, LITTLE_ENDIAN, NLM_F, viewOf, type NetlinkMessage } from './message.js';

/** Extended acknowledgements (linux/netlink.h: NLMSGERR_ATTR_*). */
const ATTR_MSG = 1;
/** The kernel's sentences are short; this one may end up in a log and in status. */
const MAX_WORDS_LENGTH = 200;

/** What the kernel refused, and why. */
export interface NetlinkFailure {
  readonly errno: number;
  /** The name of the errno: `EEXIST`. */
  readonly code: string;
  /** The kernel's own words where it has some (`Nexthop has invalid gateway`), otherwise those of the errno. */
  readonly reason: string;
}

export function failureOf(errno: number, words?: string): NetlinkFailure {
  const code = errnoName(errno);
  const reason = words === undefined || words === '' ? errnoText(errno) : words.slice(0, MAX_WORDS_LENGTH);
  return { errno, code, reason };
}

/** @param message of type NLMSG_ERROR, which says that all went well, too. @returns undefined where it did. */
export function failureIn({ flags, payload }: NetlinkMessage): NetlinkFailure | undefined {
  if (payload.length < 4) return failureOf(0, 'an answer without an error number');
  const view = viewOf(payload);
  const errno = -view.getInt32(0, LITTLE_ENDIAN);
  if (errno === 0) return undefined;
  if ((flags & NLM_F.ACK_TLVS) === 0 || payload.length < 4 + HEADER_BYTES) return failureOf(errno);
  const requestBytes = flags & NLM_F.CAPPED ? HEADER_BYTES : aligned(view.getUint32(4, LITTLE_ENDIAN));
  return failureOf(errno, new AttributeMap(payload.subarray(4 + requestBytes)).string(ATTR_MSG));
}

/** @param message of type NLMSG_DONE: a dump may end with an error, too. */
export function failureOfDump({ flags, payload }: NetlinkMessage): NetlinkFailure | undefined {
  if (payload.length < 4) return undefined;
  const errno = -viewOf(payload).getInt32(0, LITTLE_ENDIAN);
  if (errno <= 0) return undefined;
  return failureOf(errno, flags & NLM_F.ACK_TLVS ? new AttributeMap(payload.subarray(4)).string(ATTR_MSG) : undefined);
}
