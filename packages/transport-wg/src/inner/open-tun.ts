import { CodedError, deniedCapability, deniedPath, isInterfaceName, type Denial } from '@wirepath/core/plugin';
import { BatchedTun, SystemCallError, TUN_FILE, type PacketMemory, type TunOffload } from '@wirepath/linux';
import { refusedCall } from '../system/refused-call.js';

/**
 * Creates the TUN device of a node; it disappears when it is closed or the process ends.
 * @throws CodedError CONFIG (name), INTERFACE_IN_USE, PERMISSION_DENIED, NETWORK_CONFIG.
 */
export function openTun(name: string, memory: PacketMemory, avoid: readonly TunOffload[] = []): BatchedTun {
  checkInterfaceName(name);
  try {
    return BatchedTun.open(name, memory, { avoid });
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw refusedCall(error, name, needsNetAdmin);
    throw error.call === 'open' ? cannotOpen(error, name) : cannotCreate(error, name);
  }
}

const needsNetAdmin = (code: string): Denial => deniedCapability('CAP_NET_ADMIN', code);

function cannotCreate(error: SystemCallError, name: string): unknown {
  return refusedCall(error, name, error.call === 'ioctl' ? withoutDevice(needsNetAdmin) : needsNetAdmin);
}

/** The device file has reasons of its own: it is not there, its driver is not, or its mode or the container keeps us off. */
function cannotOpen(error: SystemCallError, name: string): unknown {
  const { code } = error;
  if (code !== 'ENOENT' && code !== 'ENODEV' && code !== 'ENXIO') {
    return refusedCall(
      error,
      name,
      withoutDevice((denied) => deniedPath(TUN_FILE, denied)),
    );
  }
  const what = code === 'ENOENT' ? `this system has no ${TUN_FILE}` : `this system has no driver behind ${TUN_FILE}`;
  return new CodedError('NETWORK_CONFIG', what, {
    subject: name,
    advice: `Load the module (\`modprobe tun\`), give the container the device (\`--device ${TUN_FILE}\`), or set \`tun: false\`.`,
  });
}

/** Whoever only tries it out can do without. */
function withoutDevice(refusal: (code: string) => Denial): (code: string) => Denial {
  return (code) => {
    const { reason, advice } = refusal(code);
    return { reason, advice: `${advice} Without a device, set \`tun: false\` in the options of the transport.` };
  };
}

/** @throws CodedError CONFIG */
function checkInterfaceName(name: string): void {
  if (isInterfaceName(name)) return;
  throw new CodedError('CONFIG', `not a name for an interface: ${JSON.stringify(name)}`, {
    subject: name,
    advice: 'Use 1 to 15 of the characters a-z, A-Z, 0-9, "_", "-", "=", "+" and ".".',
  });
}
