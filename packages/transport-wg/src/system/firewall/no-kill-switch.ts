import { CodedError, deniedCapability } from '@wirepath/core/plugin';
import { NativeCodeError, NetlinkError } from '@wirepath/linux';

/** What the kernel answers where it has no nftables, or lacks a part of it. */
const LACKING: ReadonlySet<string> = new Set(['EPROTONOSUPPORT', 'EAFNOSUPPORT', 'EOPNOTSUPP', 'ENOENT', 'EINVAL']);
const CURE =
  'Without it nothing keeps traffic in the tunnel, so the node does not run: mend that, or set `killSwitch: false`.';

function isFailure(failure: unknown): failure is { readonly code: string } {
  return typeof failure === 'object' && failure !== null && 'code' in failure;
}

/** The error of a kill switch that could not be loaded: why, and what cures it. */
export function noKillSwitch(error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  const message = 'the kill switch cannot be loaded';
  if (error instanceof NativeCodeError) {
    return new CodedError('KILL_SWITCH', `${message}: ${error.message}`, { advice: CURE, cause: error });
  }
  const failure = error instanceof NetlinkError ? error.failure : error;
  if (!(error instanceof Error) || !isFailure(failure)) {
    return new CodedError('KILL_SWITCH', message, { cause: error });
  }
  const { code } = failure;
  if (code === 'EPERM' || code === 'EACCES') {
    const denial = deniedCapability('CAP_NET_ADMIN', code);
    return new CodedError('PERMISSION_DENIED', `${message}: ${denial.reason}`, { advice: denial.advice, cause: error });
  }
  const advice = LACKING.has(code)
    ? `This kernel lacks nftables: \`modprobe nf_tables\`, or one with CONFIG_NF_TABLES_INET and CONFIG_NFT_CT. ${CURE}`
    : CURE;
  return new CodedError('KILL_SWITCH', `${message}: ${error.message}`, { advice, cause: error });
}
