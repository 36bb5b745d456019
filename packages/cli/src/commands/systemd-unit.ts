import type { Product } from '@wirepath/core';
import { EXIT_DONE } from '../wording/error-line.js';
import type { CommandContext } from './definition.js';

export interface SystemdUnitOptions {
  readonly server?: boolean;
}

export function systemdUnitCommand(
  { product, terminal }: CommandContext,
  options: SystemdUnitOptions,
): Promise<number> {
  terminal.out.write(systemdUnit(product, options.server === true ? 'server' : 'node'));
  return Promise.resolve(EXIT_DONE);
}

/** What a node or a server needs of the system; everything else is shut. */
const ROLES = {
  node: {
    command: 'up',
    // The TUN device, addresses, routes and marks; `ip`, which we run, inherits it.
    capability: 'CAP_NET_ADMIN',
    families: 'AF_UNIX AF_INET AF_INET6 AF_NETLINK',
    // The second is where `wg` looks for the device. Without it, everything but `wg show` works.
    folders: (name: string) => `${name} wireguard`,
    devices: ['DevicePolicy=closed', 'DeviceAllow=/dev/net/tun rw'],
  },
  server: {
    command: 'serve',
    // Ports below 1024, as 443 for TLS.
    capability: 'CAP_NET_BIND_SERVICE',
    families: 'AF_UNIX AF_INET AF_INET6',
    folders: (name: string) => name,
    devices: ['PrivateDevices=yes'],
  },
} as const;

/**
 * A unit of systemd for any number of nodes or servers of this product, each by the name of its rc file. They run as a user
 * of their own, which has one capability, as an ambient one: no other program of that user has it, and no other user.
 */
export function systemdUnit(product: Pick<Product, 'name' | 'homepage'>, role: keyof typeof ROLES): string {
  const { name, homepage } = product;
  const { command, capability, families, folders, devices } = ROLES[role];
  return [
    `# Printed by \`${name} systemd-unit${role === 'server' ? ' --server' : ''}\`.`,
    '[Unit]',
    `Description=${name} ${role} of %i`,
    ...(homepage === undefined ? [] : [`Documentation=${homepage}`]),
    'Wants=network-online.target',
    'After=network-online.target',
    '',
    '[Service]',
    'Type=exec',
    `User=${name}`,
    `ExecStart=${name} ${command} --config /etc/${name}/%i.yaml`,
    'ExecReload=kill -HUP $MAINPID',
    'Restart=on-failure',
    'RestartSec=2',
    '# A mistake in the rc file does not go away by itself.',
    'RestartPreventExitStatus=2',
    'TimeoutStopSec=10',
    '',
    '# The one right that it needs, for this service alone.',
    `AmbientCapabilities=${capability}`,
    `CapabilityBoundingSet=${capability}`,
    'NoNewPrivileges=yes',
    '',
    '# The folder of its sockets; other instances use it too, so it stays.',
    'Environment=XDG_RUNTIME_DIR=/run',
    `RuntimeDirectory=${folders(name)}`,
    'RuntimeDirectoryMode=0700',
    'RuntimeDirectoryPreserve=yes',
    'UMask=0077',
    '',
    ...devices,
    'ProtectSystem=strict',
    'ProtectHome=yes',
    'PrivateTmp=yes',
    'ProtectClock=yes',
    'ProtectControlGroups=yes',
    'ProtectHostname=yes',
    'ProtectKernelLogs=yes',
    'ProtectKernelModules=yes',
    'ProtectKernelTunables=yes',
    `RestrictAddressFamilies=${families}`,
    'RestrictNamespaces=yes',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'LockPersonality=yes',
    'SystemCallArchitectures=native',
    'SystemCallFilter=@system-service',
    'SystemCallErrorNumber=EPERM',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}
