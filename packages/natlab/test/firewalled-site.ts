import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { INSPECTION_PORT, SERVER_ADDRESSES, type Lab } from '../src/index.js';

const at = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const PROXY_PORT = 3128;

/** Of the servers in the lab. */
export const SERVER_TLS = {
  certFile: at('fixtures/test-only-server.crt'),
  keyFile: at('fixtures/test-only-server.key'),
};
export const CA_FILE = at('fixtures/test-only-ca.crt');

/** The site lets out TLS to the server's port 443 alone, and of that what offers a protocol of the web. */
export async function inspectHttps(lab: Lab, site: string) {
  const inspector = lab.spawn(lab.gateway(site), `inspector-${site}`, [
    process.execPath,
    at('alpn-inspector.mjs'),
    String(INSPECTION_PORT),
    `${SERVER_ADDRESSES[0]}:443`,
  ]);
  await inspector.logged(/ready/);
  await lab.setFirewall(site, 'inspected-https');
  return inspector;
}

export interface ProxyOptions {
  /** Where it lets clients connect to. @default 443 alone */
  readonly ports?: readonly number[];
  /** `user password` that it wants. @default none */
  readonly credentials?: string;
}

/** The site lets nothing out but what Debian's tinyproxy carries. @returns the proxy's URL. */
export async function proxyOnly(
  lab: Lab,
  site: string,
  { ports = [443], credentials }: ProxyOptions = {},
): Promise<string> {
  const { lan = '' } = lab.site(site);
  const file = join(lab.folder, `tinyproxy-${site}.conf`);
  const lines = [`Port ${PROXY_PORT}`, `Listen ${lan}`, 'Timeout 600', 'LogLevel Info'];
  lines.push(...ports.map((port) => `ConnectPort ${port}`));
  if (credentials !== undefined) lines.push(`BasicAuth ${credentials}`);
  await writeFile(file, `${lines.join('\n')}\n`);
  const proxy = lab.spawn(lab.gateway(site), `tinyproxy-${site}`, ['tinyproxy', '-d', '-c', file]);
  await proxy.logged(/Accepting connections/);
  await lab.setFirewall(site, 'proxy-only');
  return `http://${lan}:${PROXY_PORT}`;
}
