import type { Product } from '@wirepath/core';
import { EXIT_DONE } from '../wording/error-line.js';
import type { CommandContext } from './definition.js';

export interface SystemdUnitOptions {
  readonly server?: boolean;
  readonly killSwitch?: boolean;
}

export function systemdUnitCommand(
  { product, terminal }: CommandContext,
  options: SystemdUnitOptions,
): Promise<number> {
  if (options.killSwitch === true) terminal.out.write(killSwitchUnit(product));
  else terminal.out.write(systemdUnit(product, options.server === true ? 'server' : 'node'));
  return Promise.resolve(EXIT_DONE);
}

/** What a node or a server needs of the system; everything else is shut. */
const ROLES = {
  node: {
    command: 'up',
    // The TUN device, addresses, routes, marks and firewall rules; what we run inherits it.
    capability: 'CAP_NET_ADMIN',
    families: 'AF_UNIX AF_INET AF_INET6 AF_NETLINK',
    // The second is where `wg` looks for the device. Without it, everything but `wg show` works.
    folders: (name: string) => `${name} wireguard`,
    // Where its peers were when it was stopped.
    state: (name: string) => [`StateDirectory=${name}`, 'StateDirectoryMode=0700'],
    devices: ['DevicePolicy=closed', 'DeviceAllow=/dev/net/tun rw'],
    before: (name: string) => [`${name}-kill-switch@%i.service`],
    // Of all settings of the kernel one is its business: src_valid_mark, where rp_filter is strict.
    tunables: ['ProtectKernelTunables=yes', 'ReadWritePaths=-/proc/sys/net/ipv4/conf/all'],
  },
  server: {
    command: 'serve',
    // Ports below 1024, as 443 for TLS.
    capability: 'CAP_NET_BIND_SERVICE',
    families: 'AF_UNIX AF_INET AF_INET6',
    folders: (name: string) => name,
    state: () => [],
    devices: ['PrivateDevices=yes'],
    before: () => [],
    tunables: ['ProtectKernelTunables=yes'],
  },
} as const;

/**
 * A unit of systemd for any number of nodes or servers of this product, each by the name of its rc file. They run as a user
 * of their own, which has one capability, as an ambient one: no other program of that user has it, and no other user.
 */
export function systemdUnit(product: Pick<Product, 'name' | 'homepage'>, role: keyof typeof ROLES): string {
  const { name, homepage } = product;
  const { command, capability, families, folders, state, devices, before, tunables } = ROLES[role];
  return [
    `# Printed by \`${name} systemd-unit${role === 'server' ? ' --server' : ''}\`.`,
    '[Unit]',
    `Description=${name} ${role} of %i`,
    ...(homepage === undefined ? [] : [`Documentation=${homepage}`]),
    `Wants=${['network-online.target', ...before(name)].join(' ')}`,
    `After=${['network-online.target', ...before(name)].join(' ')}`,
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
    ...state(name),
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
    ...tunables,
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

/**
 * A unit that loads the kill switch of an rc file while the network is not up yet. The node's unit wants it; where the rc file
 * has no kill switch it does nothing. Stopping it lifts nothing: that is for the node, or `down`.
 */
export function killSwitchUnit({ name, homepage }: Pick<Product, 'name' | 'homepage'>): string {
  return [
    `# Printed by \`${name} systemd-unit --kill-switch\`.`,
    '[Unit]',
    `Description=${name} kill switch of %i`,
    ...(homepage === undefined ? [] : [`Documentation=${homepage}`]),
    '# Nothing is sent before this, and nothing waits for the network here.',
    'DefaultDependencies=no',
    'After=local-fs.target systemd-sysusers.service',
    'Before=network-pre.target shutdown.target',
    'Wants=network-pre.target',
    'Conflicts=shutdown.target',
    '',
    '[Service]',
    'Type=oneshot',
    'RemainAfterExit=yes',
    `User=${name}`,
    `ExecStart=${name} kill-switch --config /etc/${name}/%i.yaml`,
    'AmbientCapabilities=CAP_NET_ADMIN',
    'CapabilityBoundingSet=CAP_NET_ADMIN',
    'NoNewPrivileges=yes',
    'Environment=XDG_RUNTIME_DIR=/run',
    'ProtectSystem=strict',
    'ProtectHome=yes',
    'RestrictAddressFamilies=AF_UNIX AF_NETLINK',
    'SystemCallArchitectures=native',
    'SystemCallFilter=@system-service',
    'SystemCallErrorNumber=EPERM',
    '',
  ].join('\n');
}
