/** What a site's firewall lets out, whatever its NAT does. */
export const FIREWALLS = {
  open: 'everything',
  'no-udp': 'no UDP',
  'https-only': 'TCP to port 443 alone; other TCP is reset',
  'inspected-https': 'TCP to port 443 alone, through a program on the router that looks into it',
  'proxy-only': 'nothing: there is a proxy on the router',
} as const;

export type Firewall = keyof typeof FIREWALLS;

/** Where the program listens that looks into connections, on the router. */
export const INSPECTION_PORT = 4443;

const RESET_OTHER_TCP = 'meta l4proto tcp reject with tcp reset';

const FORWARD: Readonly<Record<Firewall, string>> = {
  open: '',
  'no-udp': 'meta l4proto udp drop',
  'https-only': `tcp dport 443 accept; ${RESET_OTHER_TCP}; drop`,
  'inspected-https': `${RESET_OTHER_TCP}; drop`,
  'proxy-only': `${RESET_OTHER_TCP}; drop`,
};

/**
 * nftables rules of a router in front of its NAT, in the place of those before. They look at each packet, so what was let
 * through a moment ago is not any more.
 */
export function firewallRules(firewall: Firewall): string {
  const inspected = firewall === 'inspected-https' ? `tcp dport 443 redirect to :${INSPECTION_PORT}` : '';
  return `
table inet natlab_firewall
delete table inet natlab_firewall
table inet natlab_firewall {
  chain forward {
    type filter hook forward priority -10; policy accept;
    iifname "lan" jump out
  }
  chain out {
    ${FORWARD[firewall]}
  }
  chain pre {
    type nat hook prerouting priority -110; policy accept;
    iifname "lan" ${inspected === '' ? 'accept' : inspected}
  }
}
`;
}
